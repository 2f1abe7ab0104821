with

experiments as (
    select * from {{ ref('int_experiments') }}
),

edits as (
    select * from {{ ref('stg_raw__edits') }}
),

neuron_sets as (
    select * from {{ ref('stg_raw__neuron_sets') }}
),

described as (
    select
        edits.run,
        edits.model,
        edits.edit,
        edits.kind,
        experiments.kind as experiment,
        experiments.neurons,
        experiments.selection,
        edits.neuron_set,
        coalesce(edits.layer, neuron_sets.layer) as layer,
        case when neuron_sets.layer is null then 'model' else 'L' || neuron_sets.layer end as scope,
        coalesce(neuron_sets.control, 'asked') as control,
        neuron_sets.draw,
        neuron_sets.n_neurons
    from edits
    inner join experiments
        on
            edits.run = experiments.run
            and edits.model = experiments.model
    left join neuron_sets
        on
            edits.run = neuron_sets.run
            and edits.neuron_set = neuron_sets.neuron_set
)

select * from described
