with

raw as (
    select * from {{ source('raw', 'vocabulary_histograms') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
        effect,
        lowest::double as lowest,
        step::double as step,
        counts::bigint[] as counts
    from raw
)

select * from typed
