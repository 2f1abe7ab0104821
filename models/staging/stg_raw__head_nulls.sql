with

raw as (
    select * from {{ source('raw', 'head_nulls') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        kind,
        quantile,
        value
    from raw
)

select * from typed
