-- How are kurtosis and skew over the vocabulary distributed in every layer of one model?
-- Source: Gurnee et al. 2024, Figure 22 (skew apart for the neurons that act on few tokens)
-- $model: name of a model; all models without it
-- $at_least: vocab_kurt above which a neuron acts on few tokens; 10 without it
with

neurons as (
    select
        model,
        layer,
        neuron,
        is_universal,
        vocab_kurt,
        vocab_skew,
        vocab_kurt > coalesce($at_least::double, 10) as is_high
    from marts.neurons
    where
        vocab_kurt is not null
        and ($model::varchar is null or model = $model::varchar)
),

grouped as (
    select
        model,
        layer,
        neuron,
        'vocab_kurt' as property,
        'all' as neurons,
        vocab_kurt as value
    from neurons
    union all
    select
        model,
        layer,
        neuron,
        'vocab_skew' as property,
        case when is_high then 'on few tokens' else 'rest' end as neurons,
        vocab_skew as value
    from neurons
),

-- Universal neurons alone are not the layer.
whole as (
    select model from neurons
    group by model
    having not coalesce(bool_and(is_universal), false)
),

quantiles as (
    select
        model,
        layer,
        property,
        neurons,
        count(*)::integer as n_neurons,
        avg(value order by neuron) as mean,
        quantile_cont(value, [0.01, 0.05, 0.1, 0.15, 0.25, 0.5, 0.75, 0.85, 0.9, 0.95, 0.99]) as points
    from grouped
    where model in (select whole.model from whole)
    group by model, layer, property, neurons
),

unnested as (
    select
        *,
        unnest(range(1, array_length(points) + 1)) as place
    from quantiles
),

listed as (
    select
        model,
        property,
        neurons,
        layer,
        [1, 5, 10, 15, 25, 50, 75, 85, 90, 95, 99][place::integer] as percentile,
        points[place::integer] as point,
        mean,
        n_neurons
    from unnested
)

select * from listed
order by model, property, neurons, layer, percentile
