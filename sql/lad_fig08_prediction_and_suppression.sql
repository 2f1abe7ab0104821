-- Does the prediction form where prediction neurons are, and are suppression neurons behind it?
-- Source: Lad et al. 2024, Figures 8 and 17 (KL in nats; shares in per cent of the layer's neurons)
-- $model: name of a model; all models without it
with

models as (
    select
        model,
        n_layers
    from marts.models
    where $model::varchar is null or model = $model::varchar
),

profiles as (
    select
        profiles.model,
        profiles.layer,
        profiles.layer / nullif(models.n_layers - 1, 0) as relative_depth,
        stages.lens_kl,
        stages.lens_kl_low,
        stages.lens_kl_high,
        profiles.n_prediction,
        profiles.n_suppression,
        profiles.pct_prediction,
        profiles.pct_suppression,
        profiles.pct_prediction_calibrated,
        profiles.pct_suppression_calibrated
    from marts.layer_profiles as profiles
    inner join models on profiles.model = models.model
    left join marts.layer_stages as stages
        on
            profiles.model = stages.model
            and profiles.layer = stages.layer
)

select * from profiles
order by model, layer
