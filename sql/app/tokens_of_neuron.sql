-- The tokens that a neuron promotes, suppresses and fires at, the first ones of each side.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
-- $n: tokens of each side at most
-- $by_weights: true for the sides promoted and suppressed alone, which need no text
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
    and (side in ('promoted', 'suppressed') or not coalesce($by_weights::boolean, false))
order by side, rank
