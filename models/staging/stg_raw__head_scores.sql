with

raw as (
    select * from {{ source('raw', 'head_scores') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
        kind,
        rank::smallint as rank,
        head_layer::smallint as head_layer,
        head::smallint as head,
        score::double as score
    from raw
)

select * from typed
