-- Are the neurons that act on few tokens prediction or suppression neurons, in each of the last four layers?
-- Source: Gurnee et al. 2024, Figure 6c (a Gaussian kernel density of vocab_skew of bandwidth 0.5, by layer)
-- $model_family: name of a family of models; all families without it
-- $at_least: vocab_kurt above this; 10 without it
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

-- Universal neurons alone are not the layer.
neurons as (
    select
        models.model_family,
        models.step,
        neurons.model,
        neurons.layer,
        neurons.neuron,
        neurons.vocab_skew,
        neurons.vocab_kurt
    from marts.neurons
    inner join models on neurons.model = models.model
    where neurons.vocab_kurt is not null and neurons.layer >= models.n_layers - 4
    qualify not coalesce(bool_and(neurons.is_universal) over (partition by neurons.model, neurons.layer), false)
),

high_kurt as (
    select * from neurons
    where vocab_kurt > coalesce($at_least::double, 10)
),

tenths as (
    select unnest(range(-70, 71)) as tenth
),

grid as (
    select tenth / 10 as vocab_skew from tenths
),

densities as (
    select
        high_kurt.model_family,
        high_kurt.step,
        high_kurt.model,
        high_kurt.layer,
        grid.vocab_skew,
        count(*) as n_neurons,
        -- Whole numbers add up to the same in whatever order they come.
        sum((exp(-0.5 * ((grid.vocab_skew - high_kurt.vocab_skew) / 0.5) ** 2) * 1e12)::bigint) / 1e12 / count(*)
        / (0.5 * sqrt(2 * pi())) as density
    from high_kurt
    cross join grid
    group by high_kurt.model_family, high_kurt.step, high_kurt.model, high_kurt.layer, grid.vocab_skew
),

over_seeds as (
    select
        model_family,
        step,
        layer,
        vocab_skew,
        avg(density order by model) as mean_density,
        min(density) as low,
        max(density) as high,
        avg(n_neurons) as mean_n_neurons,
        count(*)::integer as n_models
    from densities
    group by model_family, step, layer, vocab_skew
)

select * from over_seeds
order by model_family, step, layer, vocab_skew
