{#
    A jackknife of a count: how many neurons are universal without each of the 16 groups of documents. NULL stands for a
    group that holds no text.
#}
{% macro counts_without_a_group(threshold) -%}
    [
        {% for group in range(1, 17) %}
        case
            when {{ holds_text(group) }}
                then
                    sum(
                        (
                            not is_dead
                            and coalesce(excess_without[{{ group }}], excess_corr) > {{ threshold }}
                        )::integer
                    )
        end{{ ',' if not loop.last }}
        {% endfor %}
    ]
{%- endmacro %}

{# Whether a group of documents holds text: without it, something changes. #}
{% macro holds_text(group, without='excess_without', excess='excess_corr') -%}
    bool_or({{ without }}[{{ group }}] <> {{ excess }}::float)
{%- endmacro %}

{# The 95% interval of pct_universal from those counts, by Student's t; a share ends at 0 and at 100. #}
{% macro interval_of_share(counts) -%}
    100 * {{ t_quantile('list_count(' ~ counts ~ ') - 1') }}
    * sqrt((list_count({{ counts }}) - 1) * list_var_pop({{ counts }})) / n_neurons as pct_margin,
    case when pct_margin is not null then greatest(0, pct_universal - pct_margin) end as pct_low,
    case when pct_margin is not null then least(100, pct_universal + pct_margin) end as pct_high
{%- endmacro %}
