with

speaking as (
    select * from {{ ref('int_speaking_runs') }}
),

tokens as (
    select * from {{ ref('stg_raw__tokens') }}
),

effects as (
    select
        vocabulary_tokens.run,
        vocabulary_tokens.model,
        vocabulary_tokens.layer,
        vocabulary_tokens.neuron,
        vocabulary_tokens.side,
        generate_subscripts(vocabulary_tokens.token_ids, 1)::integer as rank,
        unnest(vocabulary_tokens.token_ids) as token_id,
        unnest(vocabulary_tokens.effects)::double as value,
        null::bigint as n
    from {{ ref('stg_raw__vocabulary_tokens') }} as vocabulary_tokens
    inner join speaking
        on
            vocabulary_tokens.run = speaking.measured_in
            and vocabulary_tokens.model = speaking.model
            and speaking.measure = 'weights'
),

means as (
    select
        mean_tokens.run,
        mean_tokens.model,
        mean_tokens.layer,
        mean_tokens.neuron,
        'mean_activation' as side,
        generate_subscripts(mean_tokens.token_ids, 1)::integer as rank,
        unnest(mean_tokens.token_ids) as token_id,
        unnest(mean_tokens.means)::double as value,
        unnest(mean_tokens.n)::bigint as n
    from {{ ref('stg_raw__mean_tokens') }} as mean_tokens
    inner join speaking
        on
            mean_tokens.run = speaking.measured_in
            and mean_tokens.model = speaking.model
            and speaking.measure = 'features'
),

peaks as (
    select
        examples.run,
        examples.model,
        examples.layer,
        examples.neuron,
        unnest(examples.sequences) as sequence,
        unnest(examples.positions) as position,
        unnest(examples.activations)::double as activation
    from {{ ref('stg_raw__examples') }} as examples
    inner join speaking
        on
            examples.run = speaking.measured_in
            and examples.model = speaking.model
            and speaking.measure = 'features'
    where examples.choice = 'top'
),

at_peaks as (
    select
        peaks.run,
        peaks.model,
        peaks.layer,
        peaks.neuron,
        sequences.token_ids[peaks.position + 1] as token_id,
        max(peaks.activation) as value,
        count(*)::bigint as n
    from peaks
    inner join {{ ref('stg_raw__sequences') }} as sequences
        on
            peaks.run = sequences.run
            and peaks.sequence = sequences.sequence
    group by peaks.run, peaks.model, peaks.layer, peaks.neuron, token_id
),

largest as (
    select
        run,
        model,
        layer,
        neuron,
        'max_activation' as side,
        row_number() over (
            partition by run, model, layer, neuron
            order by value desc, token_id asc
        )::integer as rank,
        token_id,
        value,
        n
    from at_peaks
),

ranked as (
    select * from effects
    union all
    select * from means
    union all
    select * from largest
),

named as (
    select
        ranked.model,
        ranked.layer,
        ranked.neuron,
        ranked.side,
        ranked.rank,
        ranked.token_id,
        tokens.token,
        ranked.value,
        ranked.n,
        ranked.run
    from ranked
    inner join tokens
        on
            ranked.run = tokens.run
            and ranked.token_id = tokens.token_id
)

select * from named
