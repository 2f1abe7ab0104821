-- A neuron's best partner in every other model, with its error, its baseline and its own labels.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
with

partners as (
    select
        * exclude (model, layer, neuron, run),
        max_corr - baseline as excess
    from marts.neuron_partners
    where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
),

neurons as (
    select
        model,
        layer,
        neuron,
        family,
        role,
        is_universal
    from marts.neurons
),

described as (
    select
        partners.*,
        neurons.family as other_family,
        neurons.role as other_role,
        neurons.is_universal as other_is_universal
    from partners
    left join neurons
        on
            partners.other_model = neurons.model
            and partners.other_layer = neurons.layer
            and partners.other_neuron = neurons.neuron
)

select * from described
order by max_corr desc, other_model asc
