with

raw as (
    select * from {{ source('raw', 'neighbours') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        vector,
        side,
        other_layer::smallint as other_layer,
        other_neuron::integer as other_neuron,
        cosine::double as cosine,
        other_cosine::double as other_cosine
    from raw
)

select * from typed
