with

raw as (
    select * from {{ source('raw', 'ranked_tokens') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        side,
        token_ids::integer[] as token_ids,
        amounts,
        n::integer[] as n
    from raw
)

select * from typed
