{#
    A jackknife of persistence: the share of the neurons universal at the earlier step that are so at the later one,
    without each of the 16 groups of documents. NULL stands for a group that holds no text.
#}
{% macro persistence_without_a_group(threshold) -%}
    [
        {% for group in range(1, 17) %}
        case
            when {{ holds_text(group, 'without_from', 'excess_from') }}
                or {{ holds_text(group, 'without_to', 'excess_to') }}
                then
                    100 * sum(
                        (
                            not is_dead_from and not is_dead_to
                            and coalesce(without_from[{{ group }}], excess_from) > {{ threshold }}
                            and coalesce(without_to[{{ group }}], excess_to) > {{ threshold }}
                        )::integer
                    )
                    / nullif(
                        sum(
                            (
                                not is_dead_from
                                and coalesce(without_from[{{ group }}], excess_from) > {{ threshold }}
                            )::integer
                        ),
                        0
                    )
        end{{ ',' if not loop.last }}
        {% endfor %}
    ]
{%- endmacro %}
