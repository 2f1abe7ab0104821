-- How are a neuron's effects distributed over the vocabulary, and where do the tokens of its best feature lie?
-- Source: Gurnee et al. 2024, Figures 5, 7b, 23 and 25b (the means by feature instead of one histogram for each class)
-- $model: name of a model; without it, the model of the neuron that one feature describes best
-- $layer: block, from 0; without it, the layer of the neuron that one feature describes best
-- $neuron: entry of the hidden vector, from 0; without it, the neuron that one feature describes best
-- $effect: out: cos(W_U, w_out); logit: W_U . w_out; in: cos(W_E, w_in); out without it
with

neurons as (
    select
        model,
        layer,
        neuron
    from marts.neurons
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
),

features as (
    select * from marts.neuron_features
    where
        side = 'output'
        and rank = 1
),

chosen as (
    select
        neurons.model,
        neurons.layer,
        neurons.neuron,
        features.feature,
        features.n_true,
        features.mean_true,
        features.mean_false
    from neurons
    left join features
        on
            neurons.model = features.model
            and neurons.layer = features.layer
            and neurons.neuron = features.neuron
    qualify
        row_number() over (
            order by
                features.variance_reduction desc nulls last, neurons.model asc, neurons.layer asc, neurons.neuron asc
        ) = 1
),

-- What is given is said again, so that it reaches the table.
histograms as (
    select * from marts.neuron_vocabulary_histograms
    where
        effect = coalesce($effect::varchar, 'out')
        and ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
),

bins as (
    select
        histograms.model,
        histograms.layer,
        histograms.neuron,
        histograms.effect,
        histograms.bin_edges,
        histograms.bin_counts,
        unnest(range(1, array_length(histograms.bin_counts) + 1)) as bin,
        histograms.n_below,
        histograms.n_above,
        -- What is known of features is in cosines.
        case when histograms.effect = 'out' then chosen.feature end as feature,
        case when histograms.effect = 'out' then chosen.n_true end as n_with,
        case when histograms.effect = 'out' then chosen.mean_true end as mean_with,
        case when histograms.effect = 'out' then chosen.mean_false end as mean_without
    from histograms
    inner join chosen
        on
            histograms.model = chosen.model
            and histograms.layer = chosen.layer
            and histograms.neuron = chosen.neuron
),

listed as (
    select
        model,
        layer,
        neuron,
        effect,
        bin_edges[bin::integer] as bin_low,
        bin_edges[bin::integer + 1] as bin_high,
        bin_counts[bin::integer] as n_tokens,
        n_below,
        n_above,
        feature,
        n_with,
        mean_with,
        mean_without
    from bins
)

select * from listed
order by bin_low
