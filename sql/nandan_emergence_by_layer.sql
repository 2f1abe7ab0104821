-- At which step of training and in which layer do universal neurons appear, on average over seeds?
-- Source: Nandan et al. 2025, emergence of universal neurons
-- $model_family: name of a family of models; all families without it
with

steps as (
    select * from marts.step_universality
    where
        layer is not null
        and ($model_family::varchar is null or model_family = $model_family::varchar)
),

over_seeds as (
    select
        model_family,
        step,
        layer,
        avg(pct_universal order by seed) as pct_universal,
        min(pct_universal) as pct_least_of_seeds,
        max(pct_universal) as pct_most_of_seeds,
        avg(n_universal) as mean_n_universal,
        sum(n_born)::integer as n_born,
        sum(n_died)::integer as n_died,
        count(*)::integer as n_seeds
    from steps
    group by model_family, step, layer
)

select * from over_seeds
order by model_family, step, layer
