with

neuron_pairs as (
    select * from {{ ref('int_neuron_pairs') }}
    where site = 'mlp'
),

speaking_pairs as (
    select * from {{ ref('int_compared_pairs') }}
    where site = 'mlp' and is_speaking
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
        neuron_pairs.self_corr,
        neuron_pairs.effect_corr,
        neuron_pairs.random_effect_corr,
        neuron_pairs.random_effect_sd,
        neuron_pairs.free_effect_corr,
        neuron_pairs.random_free_effect_corr,
        neuron_pairs.random_free_effect_sd,
        neuron_pairs.is_mutual,
        neuron_pairs.relation,
        speaking_pairs.run
    from neuron_pairs
    inner join speaking_pairs
        on
            neuron_pairs.run = speaking_pairs.measured_in
            and neuron_pairs.model = speaking_pairs.model
            and neuron_pairs.other_model = speaking_pairs.other_model
)

select * from partners
