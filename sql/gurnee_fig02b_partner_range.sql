-- How far apart are a neuron's best correlations in the most and in the least similar of the other models?
-- Source: Gurnee et al. 2024, Figures 2b, 12b and 13b (mean_max_corr is the red line)
-- $model: name of a model; all models without it
-- $width: of a bin; 0.02 without it
with

living as (
    select
        model,
        layer,
        neuron,
        max_corr,
        coalesce($width::double, 0.02) as width,
        floor(min_corr / width) as min_bin,
        floor(max_corr / width) as max_bin
    from marts.neurons
    where
        not is_dead
        and max_corr is not null
        and ($model::varchar is null or model = $model::varchar)
),

means as (
    select
        model,
        min_bin,
        avg(max_corr order by layer, neuron) as mean_max_corr
    from living
    group by model, min_bin
),

cells as (
    select
        living.model,
        round(living.min_bin * living.width, 6) as min_corr_low,
        round(living.max_bin * living.width, 6) as max_corr_low,
        count(*)::integer as n_neurons,
        means.mean_max_corr
    from living
    inner join means
        on
            living.model = means.model
            and living.min_bin = means.min_bin
    group by living.model, living.width, living.min_bin, living.max_bin, means.mean_max_corr
)

select * from cells
order by model, min_corr_low, max_corr_low
