-- Which neurons were ablated, how universal are they, what do they do, and how much do they write?
-- $model: name of a model; all models without it
with

ablated as (
    select * from marts.experiment_neurons
    where $model::varchar is null or model = $model::varchar
),

described as (
    select
        ablated.model,
        ablated.neurons,
        ablated.layer,
        ablated.neuron,
        neurons.excess_corr,
        neurons.is_universal,
        neurons.family,
        neurons.role,
        ablated.mean,
        ablated.energy,
        ablated.selection
    from ablated
    inner join marts.neurons
        on
            ablated.model = neurons.model
            and ablated.layer = neurons.layer
            and ablated.neuron = neurons.neuron
)

select * from described
order by model, neurons, layer, neuron
