-- What do four measures of the stages of inference do over depth, on average over the models of a family?
-- Source: Lad et al. 2024, Figure 1
-- $model_family: name of a family of models; all families without it
with

models as (
    select
        model,
        model_family,
        step,
        n_layers
    from marts.models
    where $model_family::varchar is null or model_family = $model_family::varchar
),

profiles as (
    select
        models.model_family,
        models.step,
        profiles.model,
        profiles.layer,
        profiles.layer / nullif(models.n_layers - 1, 0) as relative_depth,
        stages.delete_kl,
        stages.attention_to_previous_5,
        profiles.n_prediction,
        profiles.n_suppression
    from marts.layer_profiles as profiles
    inner join models on profiles.model = models.model
    left join marts.layer_stages as stages
        on
            profiles.model = stages.model
            and profiles.layer = stages.layer
),

over_models as (
    select
        model_family,
        step,
        layer,
        relative_depth,
        avg(delete_kl order by model) as delete_kl,
        avg(attention_to_previous_5 order by model) as attention_to_previous_5,
        avg(n_prediction) as n_prediction,
        avg(n_suppression) as n_suppression,
        count(*)::integer as n_models,
        count(delete_kl)::integer as n_models_with_deletion
    from profiles
    group by model_family, step, layer, relative_depth
)

select * from over_models
order by model_family, step, layer
