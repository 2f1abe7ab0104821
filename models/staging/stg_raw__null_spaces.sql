with

raw as (
    select * from {{ source('raw', 'null_spaces') }}
),

typed as (
    select
        run,
        model,
        part,
        n_directions::integer as n_directions,
        n_all::integer as n_all,
        singular_value,
        median_singular_value
    from raw
)

select * from typed
