-- Where do the stages of inference lie in models of different depth, and how robust are they to lost layers?
-- $model: name of a model; all models without it
with

stages as (
    select * from marts.stage_boundaries
    where $model::varchar is null or model = $model::varchar
),

boundaries as (
    select
        stages.model,
        models.model_family,
        stages.n_layers,
        stages.nearest_layer,
        stages.least_sure_layer,
        stages.halfway_layer,
        stages.prediction_layer,
        stages.suppression_layer,
        stages.delete_kl_first,
        stages.delete_kl_middle,
        stages.delete_kl_last,
        stages.delete_agreement_middle,
        stages.swap_kl_first,
        stages.swap_kl_rest
    from stages
    inner join marts.models on stages.model = models.model
)

select * from boundaries
order by n_layers, model
