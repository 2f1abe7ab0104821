-- How large a best correlation does chance give: the partner rotated, moved along the text, noise, or never trained?
-- $model: name of a model; all models without it
with

living as (
    select * from marts.neuron_universality
    where
        comparison = 'seeds'
        and not is_dead
        and ($model::varchar is null or model = $model::varchar)
),

floors as (
    select
        model,
        count(*) as n_neurons,
        avg(mean_corr) as mean_corr,
        avg(mean_baseline) as rotation,
        avg(mean_shift) as shift,
        avg(mean_noise) as noise,
        avg(mean_twin) as twin
    from living
    group by model
)

select * from floors
order by model
