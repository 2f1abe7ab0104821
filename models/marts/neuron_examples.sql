with

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'features'
),

examples as (
    select
        examples.run,
        examples.model,
        examples.layer,
        examples.neuron,
        examples.choice,
        examples.unit,
        generate_subscripts(examples.sequences, 1)::integer as place,
        unnest(examples.sequences) as sequence,
        unnest(examples.positions) as position,
        unnest(examples.activations)::double as activation,
        unnest(coalesce(examples.quantiles, list_transform(examples.sequences, lambda each: null::float)))::double
            as quantile,
        unnest(examples.windows) as steps
    from {{ ref('stg_raw__examples') }} as examples
    inner join speaking
        on
            examples.run = speaking.run
            and examples.model = speaking.model
),

sequences as (
    select * from {{ ref('stg_raw__sequences') }}
),

shown as (
    select
        examples.model,
        examples.layer,
        examples.neuron,
        (examples.place + case when examples.choice = 'quantile' then 50 else 0 end)::integer as rank,
        examples.choice,
        examples.activation,
        examples.quantile,
        examples.sequence,
        examples.position,
        sequences.token_ids[examples.position + 1] as token_id,
        sequences.path,
        sequences.subset,
        list_transform(
            examples.steps::smallint[], lambda step: case when step > -32768 then step * examples.unit end
        )::float[] as activations,
        list_transform(
            range(examples.position - 16, examples.position + 17),
            lambda place: case
                when place >= 0 and place < len(sequences.token_ids) then sequences.token_ids[place + 1]
            end
        )::integer[] as token_ids,
        examples.run
    from examples
    inner join sequences
        on
            examples.run = sequences.run
            and examples.sequence = sequences.sequence
)

select * from shown
