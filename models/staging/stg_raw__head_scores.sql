with

raw as (
    select * from {{ source('raw', 'head_scores') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        kind,
        rank::smallint as rank,
        head_layer::smallint as head_layer,
        head::smallint as head,
        score::double as score
    from raw
)

select * from typed
