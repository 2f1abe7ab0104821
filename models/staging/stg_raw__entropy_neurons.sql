with

raw as (
    select * from {{ source('raw', 'entropy_neurons') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        control,
        asked_neuron::integer as asked_neuron,
        mean,
        w_out_norm
    from raw
)

select * from typed
