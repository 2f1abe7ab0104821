with

raw as (
    select * from {{ source('raw', 'simulated_neurons') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        corr,
        expected_corr,
        expected_se,
        other_layer::smallint as other_layer,
        other_neuron::integer as other_neuron,
        max_corr,
        baseline
    from raw
)

select * from typed
