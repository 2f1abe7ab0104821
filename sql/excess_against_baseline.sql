-- How do the correlations of neurons compare with what a random rotation of the partner model would give?
-- $model: name of a model; all models without it
-- $layer: block, from 0; all layers without it
with

neurons as (
    select * from marts.neurons
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
),

compared as (
    select
        model,
        layer,
        neuron,
        mean_baseline,
        mean_corr,
        excess_corr,
        is_universal,
        universal_call
    from neurons
    where excess_corr is not null and not is_dead
)

select * from compared
order by model, layer, neuron
