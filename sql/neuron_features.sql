-- Which features take most of a neuron's variance away?
-- $model: name of a model; without it, the model of the neuron with the best feature
-- $layer: block, from 0; without it, the layer of the neuron with the best feature that is left
-- $neuron: entry of the hidden vector, from 0; without it, the neuron with the best feature that is left
with

features as (
    select * from marts.neuron_features
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
),

chosen as (
    select
        model,
        layer,
        neuron
    from features
    where rank = 1
    qualify row_number() over (order by variance_reduction desc nulls last, model asc, layer asc, neuron asc) = 1
),

best as (
    select
        features.model,
        features.layer,
        features.neuron,
        features.rank,
        features.feature,
        features.feature_kind,
        features.lag,
        features.variance_reduction,
        features.heldout_reduction,
        features.mean_true,
        features.mean_false,
        features.n_true
    from features
    semi join chosen
        on
            features.model = chosen.model
            and features.layer = chosen.layer
            and features.neuron = chosen.neuron
)

select * from best
order by rank
