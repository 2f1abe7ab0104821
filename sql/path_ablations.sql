-- Does a neuron turn the head that its weights say to BOS, and does the head write less then?
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as attention; all sets without it
with

paths as (
    select * from marts.path_ablations
    where
        span = 'all'
        and ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
),

controls as (
    select
        model,
        neurons,
        layer,
        asked_neuron,
        head_layer,
        head,
        count(*) as n_controls,
        max(abs(delta_attention)) as largest_control_delta
    from paths
    where control = 'energy'
    group by model, neurons, layer, asked_neuron, head_layer, head
),

listed as (
    select
        paths.model,
        paths.layer,
        paths.neuron,
        paths.head_layer,
        paths.head,
        paths.score,
        paths.attention,
        paths.delta_attention,
        paths.delta_attention_se,
        paths.delta_attention - 1.96 * paths.delta_attention_se as delta_attention_low,
        paths.delta_attention + 1.96 * paths.delta_attention_se as delta_attention_high,
        controls.n_controls,
        controls.largest_control_delta,
        paths.norm,
        paths.log_norm_ratio,
        paths.activation_attention_corr,
        paths.attention_norm_corr,
        paths.activation_norm_corr
    from paths
    left join controls
        on
            paths.model = controls.model
            and paths.neurons = controls.neurons
            and paths.layer = controls.layer
            and paths.asked_neuron = controls.asked_neuron
            and paths.head_layer = controls.head_layer
            and paths.head = controls.head
    where paths.control = 'asked'
)

select * from listed
order by abs(delta_attention) desc, model asc, layer asc, neuron asc, head_layer asc, head asc
