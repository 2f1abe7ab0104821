-- depends_on: {{ ref('int_comparison_scores') }}
with

ruled as (
    select * from marts.rule_universal({{ var('universal_threshold') }})
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
        excess_corr,
        null::double as excess_se,
        is_universal,
        null::varchar as universal_call,
        n_partners,
        is_dead,
        run
    from ruled
    order by comparison, model, layer, neuron
)

select * from universality
