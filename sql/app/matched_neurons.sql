-- The neurons of one layer whose best partner is in one layer of another model, the most alike first.
-- $model: name of the model
-- $other_model: name of the partner model
-- $layer: block, from 0
-- $other_layer: the partner's block, from 0
-- $n: neurons at most
with

partners as (
    select * from marts.neuron_partners
    where
        model = $model::varchar
        and other_model = $other_model::varchar
        and layer = $layer::integer
        and other_layer = $other_layer::integer
),

matched as (
    select
        partners.model,
        partners.layer,
        partners.neuron,
        partners.other_layer,
        partners.other_neuron,
        partners.max_corr,
        partners.corr_se,
        partners.baseline,
        partners.is_mutual,
        neurons.is_universal,
        neurons.family,
        neurons.role
    from partners
    inner join marts.neurons as neurons
        on
            partners.model = neurons.model
            and partners.layer = neurons.layer
            and partners.neuron = neurons.neuron
)

select * from matched
order by max_corr desc, neuron asc
limit $n::integer
