-- What speaks for each family of a neuron: its best feature and the one after it.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
select * exclude (model, layer, neuron, run)
from marts.neuron_family_scores
where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
order by score desc nulls last, family asc
