-- Which tokens does a neuron promote, suppress and fire at?
-- $model: name of a model; without it, the first one
-- $layer: block, from 0; without it, layer 0
-- $neuron: entry of the hidden vector, from 0; without it, neuron 0
-- $n: tokens per side; without it, 10
with

models as (
    select min(model) as first_model from marts.models
),

tokens as (
    select neuron_tokens.*
    from marts.neuron_tokens as neuron_tokens
    cross join models
    where
        neuron_tokens.model = coalesce($model::varchar, models.first_model)
        and neuron_tokens.layer = coalesce($layer::integer, 0)
        and neuron_tokens.neuron = coalesce($neuron::integer, 0)
        and neuron_tokens.rank <= coalesce($n::integer, 10)
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
