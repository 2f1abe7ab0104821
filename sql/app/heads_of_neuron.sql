-- The attention heads that a neuron acts on, or that act on it, by its weights.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
select * exclude (model, layer, neuron, run)
from marts.neuron_heads
where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
order by kind, rank
