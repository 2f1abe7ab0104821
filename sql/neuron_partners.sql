-- Which neurons of the other models are most like one neuron, and how much more than chance?
-- $model: name of a model; without it, the model of the most universal neuron
-- $layer: block, from 0; without it, the layer of the most universal neuron that is left
-- $neuron: entry of the hidden vector, from 0; without it, the most universal neuron that is left
with

chosen as (
    select * from marts.neurons
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
    qualify row_number() over (order by excess_corr desc nulls last, model asc, layer asc, neuron asc) = 1
),

partners as (
    select
        partners.model,
        partners.layer,
        partners.neuron,
        partners.other_model,
        partners.other_layer,
        partners.other_neuron,
        partners.max_corr,
        partners.corr_low,
        partners.corr_high,
        partners.baseline,
        partners.max_corr - partners.baseline as excess_corr,
        partners.is_mutual,
        partners.relation
    from marts.neuron_partners as partners
    inner join chosen
        on
            partners.model = chosen.model
            and partners.layer = chosen.layer
            and partners.neuron = chosen.neuron
)

select * from partners
order by max_corr desc, other_model asc
