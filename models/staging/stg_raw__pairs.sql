with

raw as (
    select * from {{ source('raw', 'pairs') }}
),

typed as (
    select
        run,
        model,
        other_model,
        relation
    from raw
)

select * from typed
