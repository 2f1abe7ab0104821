{#
    100 * (#smaller + 0.5 * (#equal + 1)) / n over the values that are there; NULL where the value is. In numbers of rows
    it is the mean of the first and the last place that the value has: its rank, and n times its cume_dist.
#}
{% macro mean_rank_percentile(column, partition) -%}
    case
        when {{ column }} is not null
            then
                50 * (
                    rank() over (partition by {{ partition }} order by {{ column }})
                    + round(
                        cume_dist() over (partition by {{ partition }} order by {{ column }})
                        * count(*) over (partition by {{ partition }})
                    )
                ) / count({{ column }}) over (partition by {{ partition }})
    end
{%- endmacro %}
