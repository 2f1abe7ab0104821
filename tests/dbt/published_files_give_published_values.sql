-- Where a published file was imported, it gives the numbers that were computed from it. Other cut-offs give others.
with

published_values as (
    select * from {{ ref('published_values') }}
),

differing as (
    select *
    from published_values
    where
        is_imported
        and is_exact
        and evidence = 'released data'
        and not is_within
        and {{ var('universal_threshold') }} = 0.5
        and {{ var('role_kurt_cutoff') }} = 10
        and {{ var('role_var_cutoff') }} = 0.005
)

select * from differing
