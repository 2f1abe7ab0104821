-- How unsure is the prediction behind every layer, read through the logit lens (in bits)?
-- Source: Lad et al. 2024, Figures 7b and 19 (the norm recomputed for every layer)
-- $model: name of a model; all models without it
with

stages as (
    select
        model,
        layer,
        relative_depth,
        lens_entropy / ln(2) as lens_entropy_bits,
        pct_suppression
    from marts.layer_stages
    where $model::varchar is null or model = $model::varchar
)

select * from stages
order by model, layer
