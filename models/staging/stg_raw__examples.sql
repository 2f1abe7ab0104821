with

raw as (
    select * from {{ source('raw', 'examples') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        choice,
        quantiles,
        sequences::integer[] as sequences,
        positions::smallint[] as positions,
        activations,
        unit,
        windows
    from raw
)

select * from typed
