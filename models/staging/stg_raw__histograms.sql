with

raw as (
    select * from {{ source('raw', 'histograms') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        lowest,
        step,
        counts::integer[] as counts
    from raw
)

select * from typed
