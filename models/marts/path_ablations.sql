with

experiments as (
    select * from {{ ref('int_experiments') }}
    where kind = 'attention'
),

paths as (
    select * from {{ ref('stg_raw__head_paths') }}
),

effects as (
    select * from {{ ref('int_path_effects') }}
),

heads as (
    select * from {{ ref('neuron_heads') }}
    where kind = 'bos'
),

ablations as (
    select
        paths.model,
        experiments.neurons,
        paths.layer,
        paths.asked_neuron,
        paths.head_layer,
        paths.head,
        paths.control,
        paths.draw,
        paths.neuron,
        effects.span,
        heads.score,
        effects.n_positions,
        effects.activation as mean_activation,
        effects.attention,
        effects.attention - effects.delta as attention_without,
        effects.delta as delta_attention,
        effects.delta_se as delta_attention_se,
        effects.norm,
        effects.norm_without,
        effects.ratio as log_norm_ratio,
        effects.ratio_se as log_norm_ratio_se,
        effects.activation_attention as activation_attention_corr,
        effects.activation_attention_se as activation_attention_corr_se,
        effects.attention_norm as attention_norm_corr,
        effects.attention_norm_se as attention_norm_corr_se,
        effects.activation_norm as activation_norm_corr,
        effects.activation_norm_se as activation_norm_corr_se,
        paths.run
    from paths
    inner join experiments
        on
            paths.run = experiments.run
            and paths.model = experiments.model
    inner join effects
        on
            paths.run = effects.run
            and paths.model = effects.model
            and paths.path = effects.path
    left join heads
        on
            paths.model = heads.model
            and paths.layer = heads.layer
            and paths.neuron = heads.neuron
            and paths.head_layer = heads.head_layer
            and paths.head = heads.head
)

select * from ablations
order by model, neurons, layer, asked_neuron, head_layer, head, control, draw, span
