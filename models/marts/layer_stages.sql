with

interventions as (
    select * from {{ ref('layer_interventions') }}
),

lens as (
    select * from interventions
    where intervention = 'lens'
),

stream_sums as (
    select * from {{ ref('stg_raw__stream_sums') }}
),

heads as (
    select * from {{ ref('head_attention') }}
),

profiles as (
    select * from {{ ref('layer_profiles') }}
),

universality as (
    select * from {{ ref('layer_universality') }}
),

norms as (
    select
        run,
        model,
        layer,
        sum(stream_norm order by sequence) / sum(n) as stream_norm,
        sum(attention_norm order by sequence) / sum(n) as attention_norm,
        sum(mlp_norm order by sequence) / sum(n) as mlp_norm
    from stream_sums
    group by run, model, layer
    having sum(n) > 0
),

offsets as (
    select
        model,
        layer,
        position_before,
        avg(attention order by head) as attention
    from heads
    group by model, layer, position_before
),

attention as (
    select
        model,
        layer,
        sum(attention order by position_before) as attention_to_previous_5,
        avg(attention order by position_before) as attention_per_offset
    from offsets
    group by model, layer
),

changed as (
    select
        model,
        layer,
    {% for intervention in ['delete', 'swap', 'repeat'] %}
    max(kl) filter (where intervention = '{{ intervention }}') as {{ intervention }}_kl,
    max(delta_loss) filter (where intervention = '{{ intervention }}') as {{ intervention }}_delta_loss,
    max(delta_entropy) filter (where intervention = '{{ intervention }}') as {{ intervention }}_delta_entropy,
    max(agreement) filter (where intervention = '{{ intervention }}') as {{ intervention }}_agreement
    {{- ',' if not loop.last }}
    {% endfor %}
    from interventions
    group by model, layer
),

stages as (
    select
        lens.model,
        lens.layer,
        lens.relative_depth,
        lens.kl as lens_kl,
        lens.kl_low as lens_kl_low,
        lens.kl_high as lens_kl_high,
        lens.entropy as lens_entropy,
        lens.loss as lens_loss,
        lens.agreement as lens_agreement,
        norms.stream_norm,
        norms.attention_norm,
        norms.mlp_norm,
        attention.attention_to_previous_5,
        attention.attention_per_offset,
        {% for intervention in ['delete', 'swap', 'repeat'] %}
        changed.{{ intervention }}_kl,
        changed.{{ intervention }}_delta_loss,
        changed.{{ intervention }}_delta_entropy,
        changed.{{ intervention }}_agreement,
        {% endfor %}
        profiles.pct_prediction,
        profiles.pct_suppression,
        profiles.pct_prediction_calibrated,
        profiles.pct_suppression_calibrated,
        100.0 * universality.n_universal / universality.n_neurons as pct_universal,
        lens.run
    from lens
    inner join norms
        on
            lens.run = norms.run
            and lens.model = norms.model
            and lens.layer = norms.layer
    left join attention
        on
            lens.model = attention.model
            and lens.layer = attention.layer
    left join changed
        on
            lens.model = changed.model
            and lens.layer = changed.layer
    left join profiles
        on
            lens.model = profiles.model
            and lens.layer = profiles.layer
    left join universality
        on
            lens.model = universality.model
            and lens.layer = universality.layer
)

select * from stages
order by model, layer
