{#
    The rule of universality as a DuckDB table macro: neuron_universality calls it with the var, a reader with any
    threshold. A dead neuron is never universal; without a baseline there is no verdict.
#}
{% macro create_rule_universal() -%}
    create or replace macro marts.rule_universal(threshold) as table
    select
        comparison,
        run,
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
        n_partners,
        is_dead,
        not is_dead and excess_corr > threshold as is_universal
    from {{ ref('int_comparison_scores') }}
{%- endmacro %}
