-- How many neurons are of each family, in each layer?
-- $model: name of a model; all models without it
with

families as (
    select * from marts.layer_families
    where $model::varchar is null or model = $model::varchar
),

by_layer as (
    select
        model,
        layer,
        family,
        n_neurons,
        n_universal,
        pct_neurons
    from families
)

select * from by_layer
order by model asc, layer asc, n_neurons desc, family asc
