-- Which neurons are universal at every checkpoint of their seed?
-- $model_family: name of a family of models; all families without it
with

steps as (
    select * from marts.neuron_steps
    where $model_family::varchar is null or model_family = $model_family::varchar
),

lasting as (
    select
        model_family,
        seed,
        arg_max(model_to, step_to) as model,
        layer,
        neuron,
        min(step_from) as first_step,
        max(step_to) as last_step,
        arg_min(excess_from, step_from) as first_excess,
        arg_max(excess_to, step_to) as last_excess,
        min(self_corr) as least_self_corr
    from steps
    group by model_family, seed, layer, neuron
    having bool_and(change = 'kept')
)

select * from lasting
order by last_excess desc, model_family asc, seed asc, layer asc, neuron asc
