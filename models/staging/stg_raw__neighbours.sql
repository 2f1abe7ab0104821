with

raw as (
    select * from {{ source('raw', 'neighbours') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
        vector,
        side,
        other_layer::smallint as other_layer,
        other_neuron::integer as other_neuron,
        cosine::double as cosine,
        other_cosine::double as other_cosine
    from raw
)

select * from typed
