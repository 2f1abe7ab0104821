-- From which layer on does a model know what it will predict?
-- $model: name of a model; all models without it
with

stages as (
    select
        model,
        layer,
        relative_depth,
        lens_kl,
        lens_kl_low,
        lens_kl_high,
        lens_entropy,
        lens_loss,
        lens_agreement
    from marts.layer_stages
    where $model::varchar is null or model = $model::varchar
)

select * from stages
order by model, layer
