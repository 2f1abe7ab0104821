with

properties as (
    select * from {{ ref('int_neuron_properties') }}
),

universality as (
    select * from {{ ref('neuron_universality') }}
    where comparison = 'seeds'
),

families as (
    select * from {{ ref('neuron_families') }}
),

-- The first that holds, in this order.
roles as (
    select
        model,
        layer,
        neuron,
        min_by(
            role, list_position(['prediction', 'suppression', 'partition', 'entropy', 'attention'], role)
        ) as role
    from {{ ref('neuron_roles') }}
    where passes
    group by model, layer, neuron
),

neurons as (
    select
        properties.model,
        properties.layer,
        properties.neuron,
        universality.max_corr,
        universality.mean_corr,
        universality.min_corr,
        universality.max_baseline,
        universality.mean_baseline,
        universality.min_baseline,
        universality.excess_corr,
        universality.is_universal,
        universality.universal_call,
        universality.n_partners,
        case when universality.run is null then properties.support else universality.support end as support,
        coalesce(universality.is_dead, properties.is_dead) as is_dead,
        properties.w_in_norm,
        properties.w_up_norm,
        properties.w_out_norm,
        properties.input_bias,
        properties.in_out_sim,
        properties.up_out_sim,
        properties.l2_penalty,
        properties.mean,
        properties.var,
        properties.skew,
        properties.kurt,
        properties.sparsity,
        properties.post_mean,
        properties.post_var,
        properties.post_kurt,
        properties.vocab_mean,
        properties.vocab_var,
        properties.vocab_skew,
        properties.vocab_kurt,
        properties.embed_mean,
        properties.embed_var,
        properties.embed_skew,
        properties.embed_kurt,
        properties.frequency_corr,
        properties.logit_var,
        properties.null_share_02,
        properties.null_share_05,
        properties.null_share_10,
        families.family,
        roles.role,
        coalesce(universality.run, properties.moments_run, properties.weights_run) as run,
        properties.moments_run,
        properties.weights_run
    from properties
    left join universality
        on
            properties.model = universality.model
            and properties.layer = universality.layer
            and properties.neuron = universality.neuron
    left join families
        on
            properties.model = families.model
            and properties.layer = families.layer
            and properties.neuron = families.neuron
    left join roles
        on
            properties.model = roles.model
            and properties.layer = roles.layer
            and properties.neuron = roles.neuron
    order by properties.model, properties.layer, properties.neuron
)

select * from neurons
