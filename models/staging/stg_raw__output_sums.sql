with

raw as (
    select * from {{ source('raw', 'output_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        frequency_corr,
        sums
    from raw
)

select * from typed
