with

speaking_runs as (
    select * from {{ ref('int_speaking_runs') }}
),

weights as (
    select weights.*
    from {{ ref('stg_raw__weights') }} as weights
    inner join speaking_runs
        on
            weights.run = speaking_runs.measured_in
            and weights.model = speaking_runs.model
            and speaking_runs.measure = 'weights'
),

activations as (
    select activations.*
    from {{ ref('int_activation_sums') }} as activations
    inner join speaking_runs
        on
            activations.run = speaking_runs.measured_in
            and activations.model = speaking_runs.model
            and speaking_runs.measure = 'moments'
),

-- Read once per quantity, each time without the others.
moments as not materialized (
    select * from {{ ref('int_moments') }}
),

outputs as (
    select outputs.*
    from {{ ref('stg_raw__output_sums') }} as outputs
    inner join speaking_runs
        on
            outputs.run = speaking_runs.measured_in
            and outputs.model = speaking_runs.model
            and speaking_runs.measure = 'features'
),

supports as (
    select * from {{ ref('int_supports') }}
),

spaces as (
    select
        run,
        model,
        max(n_directions / n_all) filter (where part = 0.02) as expected_02,
        max(n_directions / n_all) filter (where part = 0.05) as expected_05,
        max(n_directions / n_all) filter (where part = 0.1) as expected_10
    from {{ ref('stg_raw__null_spaces') }}
    group by run, model
),

-- How much more of w_out than of a random direction hardly reaches the logits.
null_shares as (
    select
        shares.run,
        shares.model,
        shares.layer,
        shares.neuron,
        shares.logit_var,
        shares.part_02 - spaces.expected_02 as null_share_02,
        shares.part_05 - spaces.expected_05 as null_share_05,
        shares.part_10 - spaces.expected_10 as null_share_10
    from {{ ref('stg_raw__null_shares') }} as shares
    inner join spaces
        on
            shares.run = spaces.run
            and shares.model = spaces.model
),

joined as (
    select
        weights.run as weights_run,
        activations.run as moments_run,
        weights.model,
        weights.layer,
        weights.neuron,
        activations.is_dead,
        weights.w_in_norm,
        weights.w_up_norm,
        weights.w_out_norm,
        weights.input_bias,
        weights.in_out_sim,
        weights.up_out_sim,
        weights.w_in_norm ** 2 + coalesce(weights.w_up_norm ** 2, 0) + weights.w_out_norm ** 2 as l2_penalty,
        pre.mean,
        pre.var,
        case when not activations.is_dead then pre.skew end as skew,
        case when not activations.is_dead then pre.kurt end as kurt,
        activations.n_positive / nullif(activations.n, 0) as sparsity,
        post.mean as post_mean,
        post.var as post_var,
        case when not activations.is_dead then post.kurt end as post_kurt,
        supports.support,
        vocab.mean as vocab_mean,
        vocab.var as vocab_var,
        vocab.skew as vocab_skew,
        vocab.kurt as vocab_kurt,
        embed.mean as embed_mean,
        embed.var as embed_var,
        embed.skew as embed_skew,
        embed.kurt as embed_kurt,
        outputs.frequency_corr,
        null_shares.logit_var,
        null_shares.null_share_02,
        null_shares.null_share_05,
        null_shares.null_share_10
    from weights
    left join activations
        on
            weights.model = activations.model
            and weights.layer = activations.layer
            and weights.neuron = activations.neuron
    left join moments as pre
        on
            activations.run = pre.run
            and activations.model = pre.model
            and activations.layer = pre.layer
            and activations.neuron = pre.neuron
            and pre.quantity = 'pre'
    left join moments as post
        on
            activations.run = post.run
            and activations.model = post.model
            and activations.layer = post.layer
            and activations.neuron = post.neuron
            and post.quantity = 'post'
    left join supports
        on
            activations.run = supports.run
            and activations.model = supports.model
            and activations.layer = supports.layer
            and activations.neuron = supports.neuron
    left join moments as vocab
        on
            weights.run = vocab.run
            and weights.model = vocab.model
            and weights.layer = vocab.layer
            and weights.neuron = vocab.neuron
            and vocab.quantity = 'out'
    left join moments as embed
        on
            weights.run = embed.run
            and weights.model = embed.model
            and weights.layer = embed.layer
            and weights.neuron = embed.neuron
            and embed.quantity = 'in'
    left join outputs
        on
            weights.model = outputs.model
            and weights.layer = outputs.layer
            and weights.neuron = outputs.neuron
    left join null_shares
        on
            weights.run = null_shares.run
            and weights.model = null_shares.model
            and weights.layer = null_shares.layer
            and weights.neuron = null_shares.neuron
),

-- A model that was ingested is shown as it was measured.
imported as (
    select
        run as weights_run,
        run as moments_run,
        model,
        layer,
        neuron,
        is_dead,
        w_in_norm,
        null as w_up_norm,
        w_out_norm,
        input_bias,
        in_out_sim,
        null as up_out_sim,
        l2_penalty,
        mean,
        var,
        skew,
        kurt,
        sparsity,
        null as post_mean,
        null as post_var,
        null as post_kurt,
        null as support,
        vocab_mean,
        vocab_var,
        vocab_skew,
        vocab_kurt,
        null as embed_mean,
        null as embed_var,
        null as embed_skew,
        null as embed_kurt,
        null as frequency_corr,
        null as logit_var,
        null as null_share_02,
        null as null_share_05,
        null as null_share_10
    from {{ ref('int_imported_neurons') }}
    where not is_ingested
),

properties as (
    select * from joined
    union all
    select * from imported
)

select * from properties
