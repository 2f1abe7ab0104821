with

raw as (
    select * from {{ source('raw', 'vocabulary_histograms') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        effect,
        lowest::double as lowest,
        step::double as step,
        counts::bigint[] as counts
    from raw
)

select * from typed
