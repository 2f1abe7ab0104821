-- Which roles does a neuron have, and what are their scores and cut-offs?
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
select * exclude (model, layer, neuron, run)
from marts.neuron_roles
where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
order by role
