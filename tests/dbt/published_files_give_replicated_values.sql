-- What others computed from published files; weights of another checkpoint of the same run may move the last digit.
{{ config(severity='warn') }}
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
        and evidence = 'replication'
        and not is_within
        and {{ var('universal_threshold') }} = 0.5
        and {{ var('role_kurt_cutoff') }} = 10
)

select * from differing
