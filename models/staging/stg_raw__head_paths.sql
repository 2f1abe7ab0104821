with

raw as (
    select * from {{ source('raw', 'head_paths') }}
),

typed as (
    select
        run,
        model,
        path::integer as path,
        layer::smallint as layer,
        neuron::integer as neuron,
        head_layer::smallint as head_layer,
        head::smallint as head,
        control,
        asked_neuron::integer as asked_neuron,
        draw::smallint as draw
    from raw
)

select * from typed
