with

raw as (
    select * from {{ source('raw', 'examples') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
        choice,
        quantiles,
        sequences::integer[] as sequences,
        positions::smallint[] as positions,
        activations,
        unit,
        windows
    from raw
)

select * from typed
