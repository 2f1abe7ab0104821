with

raw as (
    select * from {{ source('raw', 'layer_bests') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        other_model,
        other_layer::smallint as other_layer,
        max_neuron::integer as max_neuron,
        max_corr::double as max_corr,
        min_neuron::integer as min_neuron,
        min_corr::double as min_corr
    from raw
)

select * from typed
