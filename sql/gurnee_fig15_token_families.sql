-- At which tokens do several neurons of one model fire, and which neurons are they?
-- Source: Gurnee et al. 2024, Figure 15 (the neurons and their means instead of boxes)
-- $model: name of a model; all models without it
-- $at_least: neurons that fire at the token; 3 without it
with

families as (
    select * from marts.neuron_families
    where
        family = 'unigram'
        and ($model::varchar is null or model = $model::varchar)
),

unigrams as (
    select
        families.model,
        families.feature,
        families.layer,
        families.neuron,
        families.strength,
        families.is_universal,
        features.mean_true,
        features.mean_false,
        features.n_true,
        count(*) over (partition by families.model, families.feature) as n_neurons
    from families
    left join marts.neuron_features as features
        on
            families.model = features.model
            and families.layer = features.layer
            and families.neuron = features.neuron
            and families.feature = features.feature
            and families.lag = features.lag
            and features.side = 'input'
),

shared as (
    select
        model,
        feature,
        n_neurons,
        layer,
        neuron,
        strength as variance_reduction,
        mean_true,
        mean_false,
        n_true,
        is_universal
    from unigrams
    where n_neurons >= coalesce($at_least::integer, 3)
)

select * from shared
order by n_neurons desc, model asc, feature asc, variance_reduction desc, layer asc, neuron asc
