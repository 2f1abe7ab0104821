-- Rows of text at a neuron's largest activation: 33 tokens around it, with the activation at each.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
-- $choice: top or quantile
with

tokens as (
    select
        token_id,
        -- A part of a character has no text: its bytes stand for it.
        case
            when contains(token, chr(65533)) then regexp_replace(hex(bytes), '(..)', '\\x\1', 'g') else token
        end as token
    from marts.tokens
    where model = $model::varchar
),

examples as (
    select * from marts.neuron_examples
    where
        model = $model::varchar
        and layer = $layer::integer
        and neuron = $neuron::integer
        and choice = $choice::varchar
),

placed as (
    select
        rank,
        unnest(token_ids) as token_id,
        unnest(activations) as activation,
        generate_subscripts(token_ids, 1) as place
    from examples
),

texts as (
    select
        placed.rank,
        min(placed.place) as first_place,
        list(tokens.token order by placed.place) as tokens,
        list(placed.token_id order by placed.place) as token_ids,
        list(placed.activation order by placed.place) as activations
    from placed
    inner join tokens on placed.token_id = tokens.token_id
    group by placed.rank
),

shown as (
    select
        examples.rank,
        examples.activation,
        examples.quantile,
        -- The mart takes them from around these three.
        case
            when examples.quantile > 0.7 then 'near 90%'
            when examples.quantile > 0.3 then 'near 50%'
            when examples.quantile is not null then 'near 10%'
        end as level,
        examples.sequence,
        examples.position,
        examples.position - 17 + texts.first_place as start,
        examples.path,
        examples.subset,
        texts.tokens,
        texts.token_ids,
        texts.activations
    from examples
    inner join texts on examples.rank = texts.rank
)

select * from shown
order by rank
