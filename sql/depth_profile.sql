-- How do vocabulary effects and roles change with depth?
-- $model: name of a model; all models without it
with

profiles as (
    select * from marts.layer_profiles
    where $model::varchar is null or model = $model::varchar
),

listed as (
    select
        model,
        layer,
        vocab_kurt_p50,
        vocab_kurt_p95,
        vocab_skew_p05,
        vocab_skew_p50,
        vocab_skew_p95,
        n_prediction,
        n_suppression,
        n_prediction_calibrated,
        n_suppression_calibrated,
        n_entropy_calibrated,
        n_attention_calibrated
    from profiles
)

select * from listed
order by model, layer
