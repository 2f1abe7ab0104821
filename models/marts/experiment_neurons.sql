with

experiments as (
    select * from {{ ref('int_experiments') }}
),

neuron_sets as (
    select * from {{ ref('stg_raw__neuron_sets') }}
    where control = 'asked' and layer is null
),

set_neurons as (
    select * from {{ ref('stg_raw__set_neurons') }}
),

asked as (
    select
        experiments.model,
        experiments.neurons,
        set_neurons.layer,
        set_neurons.neuron,
        set_neurons.mean,
        set_neurons.energy,
        experiments.selection,
        experiments.run
    from experiments
    inner join neuron_sets on experiments.run = neuron_sets.run
    inner join set_neurons
        on
            neuron_sets.run = set_neurons.run
            and neuron_sets.neuron_set = set_neurons.neuron_set
)

select * from asked
order by model, neurons, layer, neuron
