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

placed as (
    select
        examples.rank,
        struct_pack(
            activation := examples.activation,
            quantile := examples.quantile,
            sequence := examples.sequence,
            position := examples.position,
            path := examples.path,
            subset := examples.subset
        ) as example,
        examples.activations as kept,
        unnest(sequences.token_ids) as token_id,
        generate_subscripts(sequences.token_ids, 1) - 1 as place
    from examples
    inner join staging.stg_raw__sequences as sequences
        on
            examples.run = sequences.run
            and examples.sequence = sequences.sequence
),

texts as (
    select
        placed.rank,
        any_value(placed.example) as example,
        list(
            struct_pack(
                place := placed.place,
                token_id := placed.token_id,
                token := tokens.token,
                activation := case
                    when placed.place between placed.example['position'] - 16 and placed.example['position'] + 16
                        then placed.kept[placed.place - placed.example['position'] + 17]
                end
            )
            order by placed.place
        ) as steps
    from placed
    inner join tokens on placed.token_id = tokens.token_id
    group by placed.rank
),

shown as (
    select
        rank,
        example['activation'] as activation,
        example['quantile'] as quantile,
        -- The mart takes them from around these three.
        case
            when example['quantile'] > 0.7 then 'near 90%'
            when example['quantile'] > 0.3 then 'near 50%'
            when example['quantile'] is not null then 'near 10%'
        end as level,
        example['sequence'] as sequence,
        example['position'] as position,
        0 as start,
        example['path'] as path,
        example['subset'] as subset,
        list_transform(steps, lambda step: step['token']) as tokens,
        list_transform(steps, lambda step: step['token_id']) as token_ids,
        list_transform(steps, lambda step: step['activation']) as activations
    from texts
)

select * from shown
order by rank
