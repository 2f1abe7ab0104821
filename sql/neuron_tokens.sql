-- Which tokens does a neuron promote, suppress and fire at?
-- $model: name of a model; without it, the first one
-- $layer: block, from 0; without it, layer 0
-- $neuron: entry of the hidden vector, from 0; without it, neuron 0
-- $n: tokens per side; without it, 10
with

tokens as (
    select * from marts.neuron_tokens
    where
        model = coalesce($model::varchar, (select min(known.model) from marts.models as known))
        and layer = coalesce($layer::integer, 0)
        and neuron = coalesce($neuron::integer, 0)
        and rank <= coalesce($n::integer, 10)
),

listed as (
    select
        model,
        layer,
        neuron,
        side,
        rank,
        token,
        value,
        n as n_positions
    from tokens
)

select * from listed
order by side, rank
