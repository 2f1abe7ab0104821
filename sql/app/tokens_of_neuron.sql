-- The tokens that a neuron promotes, suppresses and fires at, the first ones of each side.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
-- $n: tokens of each side at most
select
    side,
    rank,
    token,
    value,
    n as n_positions
from marts.neuron_tokens
where
    model = $model::varchar
    and layer = $layer::integer
    and neuron = $neuron::integer
    and rank <= $n::integer
order by side, rank
