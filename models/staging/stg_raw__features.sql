with

raw as (
    select * from {{ source('raw', 'features') }}
),

typed as (
    select
        run,
        source,
        place::integer as place,
        feature,
        feature_kind,
        definition
    from raw
)

select * from typed
