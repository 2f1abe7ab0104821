-- What is known about one neuron: each of its properties, with its percentile within the layer?
-- $model: name of a model; without it, the model of the most universal neuron
-- $layer: block, from 0; without it, the layer of the most universal neuron that is left
-- $neuron: entry of the hidden vector, from 0; without it, the most universal neuron that is left
with

chosen as (
    select * from marts.neurons
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
    qualify row_number() over (order by excess_corr desc nulls last, model asc, layer asc, neuron asc) = 1
),

properties as (
    select
        * exclude (
            is_universal, universal_call, n_partners, is_dead, family, role, run, moments_run, weights_run
        )
    from chosen
),

property_values as (
    select * from properties
    unpivot (value for property in (columns(* exclude (model, layer, neuron))))
),

percentiles as (
    select * exclude (run) from marts.neuron_percentiles
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
        and (model, layer, neuron) in (select (chosen.model, chosen.layer, chosen.neuron) from chosen)
),

property_percentiles as (
    select * from percentiles
    unpivot (percentile for property in (columns(* exclude (model, layer, neuron))))
),

card as (
    select
        property_values.model,
        property_values.layer,
        property_values.neuron,
        property_values.property,
        property_values.value,
        property_percentiles.percentile
    from property_values
    left join property_percentiles
        on property_percentiles.property = property_values.property || '_pct'
)

select * from card
order by property
