-- The whole rows of text of a neuron's examples; activations were kept for 33 tokens of each.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
-- $choice: top or quantile
with

tokens as (
    select
        token_id,
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

sequences as (
    select
        examples.rank,
        examples.position,
        examples.activations as kept,
        sequences.token_ids as row_ids
    from examples
    inner join staging.stg_raw__sequences as sequences
        on
            examples.run = sequences.run
            and examples.sequence = sequences.sequence
),

placed as (
    select
        rank,
        position,
        kept,
        unnest(row_ids) as token_id,
        generate_subscripts(row_ids, 1) - 1 as place
    from sequences
),

texts as (
    select
        placed.rank,
        list(tokens.token order by placed.place) as tokens,
        list(placed.token_id order by placed.place) as token_ids,
        list(
            case
                when placed.place between placed.position - 16 and placed.position + 16
                    then placed.kept[placed.place - placed.position + 17]
            end
            order by placed.place
        ) as activations
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
        0 as start,
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
