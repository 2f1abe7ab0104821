-- Of the published prediction and suppression neurons, which are such neurons here, and how universal are they?
-- Source: Gurnee et al. 2024, the curated list behind Figure 24 (the neurons; densities by class are not kept)
-- $feature: tokens that they act on, such as is_year; all of them without it
with

published as (
    select * from marts.published_prediction_neurons
    where $feature::varchar is null or feature = $feature::varchar
),

listed as (
    select
        published.model,
        published.feature,
        published.role,
        published.layer,
        published.neuron,
        neurons.vocab_kurt,
        neurons.vocab_skew,
        case
            when neurons.vocab_skew > 0 then published.role = 'prediction'
            when neurons.vocab_skew < 0 then published.role = 'suppression'
        end as has_sign,
        neurons.role as role_here,
        neurons.excess_corr,
        neurons.is_universal
    from published
    left join marts.neurons as neurons
        on
            published.model = neurons.model
            and published.layer = neurons.layer
            and published.neuron = neurons.neuron
)

select * from listed
order by model, feature, role, layer, neuron
