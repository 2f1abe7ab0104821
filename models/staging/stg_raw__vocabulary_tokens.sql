with

raw as (
    select * from {{ source('raw', 'vocabulary_tokens') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        side,
        token_ids::integer[] as token_ids,
        effects
    from raw
)

select * from typed
