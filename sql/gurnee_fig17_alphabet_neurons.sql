-- Which neuron fires most clearly at each letter?
-- Source: Gurnee et al. 2024, Figure 17 (the best neuron of every letter; is_alphabet where it is above the cut-off)
-- $model: name of a model; all models without it
with

letters as (
    select
        model,
        feature,
        layer,
        neuron,
        score,
        heldout_score
    from marts.neuron_family_scores
    where
        family = 'alphabet'
        -- The letter alone, not a word that begins with it.
        and starts_with(feature, 'letter_')
        and ($model::varchar is null or model = $model::varchar)
    qualify
        row_number() over (
            partition by model, feature
            order by score desc, layer asc, neuron asc
        ) = 1
),

best as (
    select
        letters.model,
        letters.feature,
        letters.layer,
        letters.neuron,
        letters.score as variance_reduction,
        letters.heldout_score as heldout_reduction,
        coalesce(neurons.family = 'alphabet', false) as is_alphabet,
        neurons.family,
        neurons.is_universal
    from letters
    inner join marts.neurons as neurons
        on
            letters.model = neurons.model
            and letters.layer = neurons.layer
            and letters.neuron = neurons.neuron
)

select * from best
order by model, feature
