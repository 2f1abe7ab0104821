-- How universal is each layer at each training step of each seed?
with

models as (
    select * from marts.models
    where step is not null
),

layers as (
    select * from marts.layer_universality
    where n_universal is not null
),

steps as (
    select
        models.model_family,
        models.seed,
        models.step,
        layers.model,
        layers.layer,
        layers.n_neurons,
        layers.n_universal,
        layers.pct_universal,
        layers.pct_low,
        layers.pct_high,
        layers.mean_excess,
        count(distinct models.step) over (partition by models.model_family, models.seed) as n_steps
    from layers
    inner join models on layers.model = models.model
)

select * from steps
order by model_family, seed, step, layer
