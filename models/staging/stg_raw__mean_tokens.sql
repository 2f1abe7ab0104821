with

raw as (
    select * from {{ source('raw', 'mean_tokens') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        token_ids::integer[] as token_ids,
        means,
        n::integer[] as n
    from raw
)

select * from typed
