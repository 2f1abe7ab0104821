with

raw as (
    select * from {{ source('raw', 'set_neurons') }}
),

typed as (
    select
        run,
        neuron_set::integer as neuron_set,
        layer::smallint as layer,
        neuron::integer as neuron,
        mean,
        energy
    from raw
)

select * from typed
