with

raw as (
    select * from {{ source('raw', 'bests') }}
),

typed as (
    select
        run,
        site,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        other_model,
        other_layer::smallint as other_layer,
        other_neuron::integer as other_neuron,
        max_corr::double as max_corr,
        min_layer::smallint as min_layer,
        min_neuron::integer as min_neuron,
        min_corr::double as min_corr,
        influence::double[] as influence,
        n_groups::smallint as n_groups
    from raw
)

select * from typed
