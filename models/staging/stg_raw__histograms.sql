with

raw as (
    select * from {{ source('raw', 'histograms') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
        lowest,
        step,
        counts::integer[] as counts
    from raw
)

select * from typed
