-- Where along the depth does a model look near, lean on a layer, form its prediction, and keep which neurons?
-- $model: name of a model; all models without it
with

stages as (
    select
        model,
        layer,
        relative_depth,
        attention_to_previous_5,
        delete_kl,
        swap_kl,
        lens_kl,
        lens_entropy,
        mlp_norm,
        attention_norm,
        pct_prediction_calibrated,
        pct_suppression_calibrated,
        pct_universal
    from marts.layer_stages
    where $model::varchar is null or model = $model::varchar
)

select * from stages
order by model, layer
