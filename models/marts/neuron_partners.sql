with

neuron_pairs as (
    select * from {{ ref('int_neuron_pairs') }}
    where site = 'mlp'
),

comparisons as (
    select * from {{ ref('int_comparisons') }}
    where site = 'mlp' and is_speaking
),

-- The lists of most and least correlated neurons may both hold it in a small model.
selves as (
    select
        model,
        layer,
        neuron,
        other_model,
        any_value(corr)::double as self_corr
    from {{ ref('int_neuron_matches') }}
    where
        site = 'mlp'
        and relation = 'step'
        and other_layer = layer
        and other_neuron = neuron
    group by model, layer, neuron, other_model
),

effect_matches as (
    select * from {{ ref('stg_raw__effect_matches') }}
),

effect_layers as (
    select * from {{ ref('stg_raw__effect_layers') }}
),

partners as (
    select
        neuron_pairs.model,
        neuron_pairs.layer,
        neuron_pairs.neuron,
        neuron_pairs.other_model,
        neuron_pairs.max_corr,
        neuron_pairs.other_layer,
        neuron_pairs.other_neuron,
        neuron_pairs.corr_se,
        neuron_pairs.corr_low,
        neuron_pairs.corr_high,
        neuron_pairs.n_groups,
        neuron_pairs.min_corr,
        neuron_pairs.baseline,
        neuron_pairs.baseline_sd,
        neuron_pairs.shift_corr,
        neuron_pairs.noise_corr,
        neuron_pairs.twin_corr,
        selves.self_corr,
        effect_matches.effect_corr,
        effect_layers.effect_corr_mean as random_effect_corr,
        effect_layers.effect_corr_sd as random_effect_sd,
        effect_matches.free_effect_corr,
        effect_layers.free_effect_corr_mean as random_free_effect_corr,
        effect_layers.free_effect_corr_sd as random_free_effect_sd,
        neuron_pairs.is_mutual,
        neuron_pairs.relation,
        neuron_pairs.run
    from neuron_pairs
    inner join comparisons
        on
            neuron_pairs.run = comparisons.run
            and neuron_pairs.model = comparisons.model
            and neuron_pairs.relation = comparisons.relation
    left join selves
        on
            neuron_pairs.relation = 'step'
            and neuron_pairs.model = selves.model
            and neuron_pairs.layer = selves.layer
            and neuron_pairs.neuron = selves.neuron
            and neuron_pairs.other_model = selves.other_model
    left join effect_matches
        on
            neuron_pairs.run = effect_matches.run
            and neuron_pairs.model = effect_matches.model
            and neuron_pairs.layer = effect_matches.layer
            and neuron_pairs.neuron = effect_matches.neuron
            and neuron_pairs.other_model = effect_matches.other_model
    left join effect_layers
        on
            neuron_pairs.run = effect_layers.run
            and neuron_pairs.model = effect_layers.model
            and neuron_pairs.layer = effect_layers.layer
            and neuron_pairs.other_model = effect_layers.other_model
            and neuron_pairs.other_layer = effect_layers.other_layer
    order by neuron_pairs.model, neuron_pairs.layer, neuron_pairs.neuron, neuron_pairs.other_model
)

select * from partners
