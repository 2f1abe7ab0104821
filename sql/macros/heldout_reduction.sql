{#
    The reduction in variance of a feature whose class means were chosen on one half of the documents, scored on the
    other one: 1 - sum (a - mean of its class there)^2 / sum (a - mean there)^2. A class without positions where the
    means are chosen has the mean of all. Negative where the means do not carry over.
#}
{% macro heldout_reduction(chosen, scored) -%}
    1 - (
        squares_{{ scored }}
        - 2 * {{ mean_with(chosen) }} * true_{{ scored }}
        - 2 * {{ mean_without(chosen) }} * (sum_{{ scored }} - true_{{ scored }})
        + n_true_{{ scored }} * {{ mean_with(chosen) }} ** 2
        + (n_{{ scored }} - n_true_{{ scored }}) * {{ mean_without(chosen) }} ** 2
    ) / nullif(
        squares_{{ scored }}
        - 2 * (sum_{{ chosen }} / n_{{ chosen }}) * sum_{{ scored }}
        + n_{{ scored }} * (sum_{{ chosen }} / n_{{ chosen }}) ** 2, 0
    )
{%- endmacro %}

{% macro mean_with(half) -%}
    coalesce(true_{{ half }} / nullif(n_true_{{ half }}, 0), sum_{{ half }} / n_{{ half }})
{%- endmacro %}

{% macro mean_without(half) -%}
    coalesce(
        (sum_{{ half }} - true_{{ half }}) / nullif(n_{{ half }} - n_true_{{ half }}, 0), sum_{{ half }} / n_{{ half }}
    )
{%- endmacro %}
