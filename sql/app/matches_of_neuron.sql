-- The neurons of another model that are most and least like a neuron.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
-- $other_model: name of the other model
select
    side,
    rank,
    other_model,
    other_layer,
    other_neuron,
    corr
from marts.neuron_matches
where
    model = $model::varchar
    and layer = $layer::integer
    and neuron = $neuron::integer
    and other_model = $other_model::varchar
order by side desc, rank asc
