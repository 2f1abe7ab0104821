-- How does the share of universal neurons change through training, and how many are born and die?
-- $model_family: name of a family of models; all families without it
-- $layer: one layer; the whole model without it
with

steps as (
    select
        model_family,
        seed,
        step,
        scope,
        n_neurons,
        n_universal,
        pct_universal,
        pct_low,
        pct_high,
        n_kept,
        n_born,
        n_died,
        mean_excess,
        n_partners
    from marts.step_universality
    where
        scope = coalesce('L' || $layer::smallint, 'model')
        and ($model_family::varchar is null or model_family = $model_family::varchar)
)

select * from steps
order by model_family, seed, step
