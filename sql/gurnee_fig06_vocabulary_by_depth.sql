-- How do kurtosis and skew over the vocabulary change with depth, on average over seeds?
-- Source: Gurnee et al. 2024, Figures 6a and 6b (the band is from the smallest to the largest seed)
-- $model_family: name of a family of models; all families without it
with

models as (
    select
        model,
        model_family,
        step
    from marts.models
    where $model_family::varchar is null or model_family = $model_family::varchar
),

neurons as (
    select
        models.model_family,
        models.step,
        neurons.model,
        neurons.layer,
        neurons.is_universal,
        neurons.vocab_kurt,
        neurons.vocab_skew
    from marts.neurons as neurons
    inner join models on neurons.model = models.model
),

measured as (
    select * from neurons
    unpivot (value for property in (vocab_kurt, vocab_skew))
),

-- Universal neurons alone are not the layer.
quantiles as (
    select
        model_family,
        step,
        model,
        property,
        layer,
        quantile_cont(value, [0.05, 0.1, 0.5, 0.9, 0.95]) as points
    from measured
    group by model_family, step, model, property, layer
    having not coalesce(bool_and(is_universal), false)
),

unnested as (
    select
        model_family,
        step,
        model,
        property,
        layer,
        unnest(range(1, array_length(points) + 1)) as place,
        points
    from quantiles
),

placed as (
    select
        model_family,
        step,
        model,
        property,
        layer,
        [5, 10, 50, 90, 95][place::integer] as percentile,
        points[place::integer] as point
    from unnested
),

over_seeds as (
    select
        model_family,
        step,
        property,
        percentile,
        layer,
        avg(point order by model) as mean,
        min(point) as low,
        max(point) as high,
        count(*)::integer as n_models
    from placed
    group by model_family, step, property, percentile, layer
)

select * from over_seeds
order by model_family, step, property, percentile, layer
