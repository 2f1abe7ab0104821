with

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished'
),

simulations as (
    select * from {{ ref('stg_raw__simulations') }}
),

neurons as (
    select * from {{ ref('stg_raw__simulated_neurons') }}
),

judged as (
    select
        neurons.model,
        simulations.strength,
        simulations.noise,
        neurons.layer,
        neurons.neuron,
        neurons.corr,
        neurons.expected_corr,
        neurons.expected_se,
        (neurons.corr - neurons.expected_corr) / nullif(neurons.expected_se, 0) as z,
        neurons.other_layer,
        neurons.other_neuron,
        neurons.other_layer = neurons.layer and neurons.other_neuron = neurons.neuron as is_counterpart,
        neurons.max_corr,
        neurons.baseline,
        neurons.max_corr - neurons.baseline as excess_corr,
        neurons.max_corr - neurons.baseline > {{ var('universal_threshold') }} as is_universal,
        neurons.run
    from neurons
    inner join simulations
        on
            neurons.run = simulations.run
            and neurons.model = simulations.model
    inner join runs on neurons.run = runs.run
)

select * from judged
order by run, model, layer, neuron
