{#
    How the values of neurons on two halves of the text, value_a and value_b over n_a and n_b positions, compare: columns
    for one group of neurons, from their percentiles rank_a and rank_b too. Where a half does not vary there is no
    correlation, and DuckDB says NaN.
#}
{% macro halves_compared() -%}
    count(*)::integer as n_neurons,
    max(n_a) as n_first,
    max(n_b) as n_second,
    corr(value_a, value_b order by layer, neuron) as pearson,
    corr(rank_a, rank_b order by layer, neuron) as spearman,
    case when isfinite(pearson) then pearson end as r,
    case when isfinite(spearman) then spearman end as rank_r,
    avg(value_b - value_a order by layer, neuron) as mean_difference,
    stddev_samp(value_b - value_a order by layer, neuron) as sd_difference
{%- endmacro %}
