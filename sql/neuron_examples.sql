-- Where is a neuron most active, and at which tokens?
-- $model: name of a model; without it, the first one with examples
-- $layer: block, from 0; without it, layer 0
-- $neuron: entry of the hidden vector, from 0; without it, neuron 0
-- $n: examples; without it, 10
with

tokens as (
    select
        model,
        token_id,
        token
    from marts.tokens
),

examples as (
    select * from marts.neuron_examples
    where
        model = coalesce($model::varchar, (select min(known.model) from marts.neuron_families as known))
        and layer = coalesce($layer::integer, 0)
        and neuron = coalesce($neuron::integer, 0)
        and rank <= coalesce($n::integer, 10)
),

placed as (
    select
        model,
        rank,
        token_ids,
        unnest(range(1, array_length(token_ids) + 1)) as place
    from examples
),

texts as (
    select
        placed.rank,
        string_agg(tokens.token, '' order by placed.place asc) as context
    from placed
    inner join tokens
        on
            placed.model = tokens.model
            and placed.token_ids[placed.place::integer] = tokens.token_id
    group by placed.rank
),

shown as (
    select
        examples.model,
        examples.layer,
        examples.neuron,
        examples.rank,
        examples.activation,
        tokens.token,
        texts.context,
        examples.path,
        examples.position
    from examples
    inner join tokens
        on
            examples.model = tokens.model
            and examples.token_id = tokens.token_id
    inner join texts on examples.rank = texts.rank
)

select * from shown
order by rank
