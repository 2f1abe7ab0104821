with

raw as (
    select * from {{ source('raw', 'probe_neurons') }}
),

typed as (
    select
        run,
        model,
        place::integer as place,
        kind,
        layer::smallint as layer,
        neuron::integer as neuron,
        effect
    from raw
)

select * from typed
