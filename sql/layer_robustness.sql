-- How much does a model suffer when a layer is left out, exchanged with the next one, or run twice?
-- $model: name of a model; all models without it
with

interventions as (
    select
        model,
        layer,
        relative_depth,
        intervention,
        kl,
        kl_low,
        kl_high,
        delta_loss,
        delta_entropy,
        agreement
    from marts.layer_interventions
    where
        intervention <> 'lens'
        and ($model::varchar is null or model = $model::varchar)
)

select * from interventions
order by model, intervention, layer
