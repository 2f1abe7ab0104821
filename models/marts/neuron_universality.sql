-- depends_on: {{ ref('int_comparison_scores') }}, {{ ref('int_supports') }}
with

ruled as (
    select * from marts.rule_universal({{ var('universal_threshold') }}, {{ var('support_cutoff') }})
),

universality as (
    select
        comparison,
        model,
        layer,
        neuron,
        max_corr,
        mean_corr,
        min_corr,
        max_baseline,
        mean_baseline,
        min_baseline,
        mean_shift,
        mean_noise,
        mean_twin,
        excess_corr,
        excess_se,
        excess_low,
        excess_high,
        se_tokens,
        se_draws,
        sd_partners,
        is_universal,
        universal_call,
        n_partners,
        n_partners_above::integer as n_partners_above,
        support,
        is_dead,
        run
    from ruled
    order by comparison, model, layer, neuron
)

select * from universality
