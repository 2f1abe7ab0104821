with

raw as (
    select * from {{ source('raw', 'neuron_sets') }}
),

typed as (
    select
        run,
        neuron_set::integer as neuron_set,
        control,
        draw::integer as draw,
        layer::smallint as layer,
        n_neurons::integer as n_neurons
    from raw
)

select * from typed
