-- The neurons of the same model whose weights are most and least like a neuron's.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
select
    vector,
    side,
    model,
    other_layer as layer,
    other_neuron as neuron,
    cosine,
    other_cosine
from marts.neuron_neighbours
where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
order by vector asc, side desc
