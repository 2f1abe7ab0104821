with

raw as (
    select * from {{ source('raw', 'feature_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        source,
        lag::tinyint as lag,
        half::tinyint as half,
        sums
    from raw
)

select * from typed
