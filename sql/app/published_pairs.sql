-- One property of every neuron of a model, as measured and as published.
-- $model: name of the model
-- $quantity: a column of published_neurons
with

ours as (
    select
        * exclude (
            model, is_universal, universal_call, n_partners, is_dead, family, role, run, moments_run, weights_run
        )
    from marts.neurons
    where model = $model::varchar
),

published as (
    select * exclude (is_universal, is_ingested, run)
    from marts.published_neurons
    where model = $model::varchar
),

our_values as (
    select * from ours
    unpivot (value for property in (columns(* exclude (layer, neuron))))
),

published_values as (
    select * from published
    unpivot (value for property in (columns(* exclude (model, layer, neuron))))
    where property = $quantity::varchar
),

pairs as (
    select
        published_values.model,
        published_values.layer,
        published_values.neuron,
        our_values.value as ours,
        published_values.value as published
    from published_values
    inner join our_values
        on
            published_values.layer = our_values.layer
            and published_values.neuron = our_values.neuron
            and published_values.property = our_values.property
)

select * from pairs
order by layer, neuron
