-- Does a head's attention to BOS follow a neuron's activation, and does what the head writes follow the attention?
-- Source: Gurnee et al. 2024, the correlations in Figures 8b, 8c and 26 (positions in the second half of a row)
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as attention; all sets without it
with

paths as (
    select
        model,
        neurons,
        layer,
        neuron,
        head_layer,
        head,
        control,
        score,
        n_positions,
        activation_attention_corr,
        activation_attention_corr_se,
        attention_norm_corr,
        attention_norm_corr_se,
        activation_norm_corr,
        activation_norm_corr_se
    from marts.path_ablations
    where
        span = 'second half'
        and ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
)

select * from paths
order by model, neurons, layer, head_layer, head, control, neuron
