with

raw as (
    select * from {{ source('raw', 'feature_counts') }}
),

typed as (
    select
        run,
        source,
        place::integer as place,
        lag::tinyint as lag,
        half::tinyint as half,
        n_true::bigint as n_true,
        n::bigint as n
    from raw
)

select * from typed
