{# 100 * (#smaller + 0.5 * (#equal + 1)) / n over the values that are there; NULL where the value is. #}
{% macro mean_rank_percentile(column, partition) -%}
    case
        when {{ column }} is not null
            then
                100 * (
                    rank() over (partition by {{ partition }} order by {{ column }}) - 1
                    + 0.5 * (count(*) over (partition by {{ partition }}, {{ column }}) + 1)
                ) / count({{ column }}) over (partition by {{ partition }})
    end
{%- endmacro %}
