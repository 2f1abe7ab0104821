with

raw as (
    select * from {{ source('raw', 'effect_layers') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        other_model,
        other_layer::smallint as other_layer,
        effect_corr_mean,
        effect_corr_sd,
        free_effect_corr_mean,
        free_effect_corr_sd
    from raw
)

select * from typed
