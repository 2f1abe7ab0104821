with

raw as (
    select * from {{ source('raw', 'mean_tokens') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
        token_ids::integer[] as token_ids,
        means,
        n::integer[] as n
    from raw
)

select * from typed
