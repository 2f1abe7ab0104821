-- The features that take most of a neuron's variance away, of each side.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
select * exclude (model, layer, neuron, run)
from marts.neuron_features
where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
order by side, rank
