{#
    100 * (#smaller + 0.5 * (#equal + 1)) / n over the values that are there; NULL where the value is. In numbers of rows
    it is the mean of the first and the last place that the value has: its rank, and n times its cume_dist.
    Who knows how many rows a partition has, all of them with a value, says it as `n` and spares counting.
#}
{% macro mean_rank_percentile(column, partition, n=none) -%}
    case
        when {{ column }} is not null
            then
                50 * (
                    rank() over (partition by {{ partition }} order by {{ column }})
                    + round(
                        cume_dist() over (partition by {{ partition }} order by {{ column }})
                        * {{ n or 'count(*) over (partition by ' ~ partition ~ ')' }}
                    )
                ) / {{ n or 'count(' ~ column ~ ') over (partition by ' ~ partition ~ ')' }}
    end
{%- endmacro %}
