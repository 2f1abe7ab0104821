with

raw as (
    select * from {{ source('raw', 'partners') }}
),

typed as (
    select
        run,
        site,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        other_model,
        side,
        rank::smallint as rank,
        other_layer::smallint as other_layer,
        other_neuron::integer as other_neuron,
        corr
    from raw
)

select * from typed
