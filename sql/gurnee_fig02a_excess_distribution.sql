-- How are mean best correlation, mean baseline and excess distributed over neurons?
-- Source: Gurnee et al. 2024, Figures 2a, 11, 12a and 13a
-- $model: name of a model; all models without it
-- $width: of a bin; 0.01 without it
with

living as (
    select
        model,
        is_universal,
        mean_corr,
        mean_baseline,
        excess_corr
    from marts.neurons
    where
        not is_dead
        and ($model::varchar is null or model = $model::varchar)
),

measured as (
    select * from living
    unpivot (value for property in (mean_corr, mean_baseline, excess_corr))
),

placed as (
    select
        model,
        is_universal,
        property,
        coalesce($width::double, 0.01) as width,
        floor(value / width) as bin
    from measured
),

binned as (
    select
        model,
        property,
        width,
        bin,
        count(*)::integer as n_neurons,
        (count(*) filter (where is_universal))::integer as n_universal
    from placed
    group by model, property, width, bin
),

distribution as (
    select
        model,
        property,
        round(bin * width, 6) as bin_low,
        round((bin + 1) * width, 6) as bin_high,
        n_neurons,
        n_universal,
        n_neurons / (width * sum(n_neurons) over (partition by model, property)) as density
    from binned
)

select * from distribution
order by model, property, bin_low
