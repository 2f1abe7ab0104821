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
            examples.run = speaking.measured_in
            and examples.model = speaking.model
),

sequences as (
    select * from {{ ref('stg_raw__sequences') }}
),

with_text as (
    select
        examples.*,
        sequences.token_ids as row_ids,
        sequences.path,
        sequences.subset
    from examples
    inner join sequences
        on
            examples.run = sequences.run
            and examples.sequence = sequences.sequence
),

shown as (
    select
        model,
        layer,
        neuron,
        (place + case when choice = 'quantile' then 50 else 0 end)::integer as rank,
        choice,
        activation,
        quantile,
        sequence,
        position,
        row_ids[position + 1] as token_id,
        path,
        subset,
        list_transform(
            steps::smallint[], lambda step: case when step > -32768 then step * unit end
        )::float[] as activations,
        list_transform(
            range(position - 16, position + 17),
            lambda here: case when here >= 0 and here < len(row_ids) then row_ids[here + 1] end
        )::integer[] as token_ids,
        run
    from with_text
)

select * from shown
