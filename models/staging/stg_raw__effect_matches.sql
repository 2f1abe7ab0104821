with

raw as (
    select * from {{ source('raw', 'effect_matches') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        other_model,
        effect_corr,
        free_effect_corr
    from raw
)

select * from typed
