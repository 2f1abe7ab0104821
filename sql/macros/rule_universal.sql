{#
    The rule of universality as a DuckDB table macro: neuron_universality calls it with the vars, a reader with any
    threshold and cut-off. A dead neuron is never universal; without a baseline there is no verdict. The call is open
    where the interval of the excess is not known or holds the threshold, and where too few positions speak.
#}
{% macro create_rule_universal() -%}
    create or replace macro marts.rule_universal(threshold, support_cutoff) as table
    select
        scores.* exclude (excesses, excess_without, n_groups, excess_bound, moments_run),
        supports.support,
        {{ is_universal('scores', 'asked.above') }} as is_universal,
        case
            when is_universal is null then null
            when scores.is_dead then 'no'
            when supports.support is null or supports.support < asked.at_least then 'undecided'
            when scores.excess_low > asked.above then 'yes'
            when scores.excess_high < asked.above then 'no'
            else 'undecided'
        end as universal_call,
        case
            when scores.excess_corr is not null
                then len([excess for excess in scores.excesses if excess > asked.above and not scores.is_dead])
        end as n_partners_above
    from {{ ref('int_comparison_scores') }} as scores
    left join {{ ref('int_supports') }} as supports
        on
            scores.moments_run = supports.run
            and scores.model = supports.model
            and scores.layer = supports.layer
            and scores.neuron = supports.neuron
    cross join (select threshold as above, support_cutoff as at_least) as asked
{%- endmacro %}
