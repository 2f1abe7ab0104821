with

raw as (
    select * from {{ source('raw', 'experiments') }}
),

typed as (
    select
        run,
        model,
        kind,
        neurons,
        selection,
        weights_hash
    from raw
)

select * from typed
