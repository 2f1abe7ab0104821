with

raw as (
    select * from {{ source('raw', 'vocabulary_nulls') }}
),

typed as (
    select
        run,
        model,
        statistic,
        quantile,
        value
    from raw
)

select * from typed
