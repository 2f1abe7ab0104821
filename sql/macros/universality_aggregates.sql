{# What a model and a layer say about their neurons: the columns that universality and layer_universality share. #}
{% macro universality_aggregates() -%}
    count(*)::integer as n_neurons,
    sum(is_dead::integer)::integer as n_dead,
    -- A sum, not a filtered count: NULL without a comparison.
    sum(is_universal::integer)::integer as n_universal,
    -- Of a part of the model there is a number, and no share.
    case when count(is_universal) = count(*) then 100.0 * sum(is_universal::integer) / count(*) end as pct_universal,
    {{ counts_without_a_group(var('universal_threshold')) }} as n_without,
    sum((universal_call = 'yes')::integer)::integer as n_yes,
    sum((universal_call = 'undecided')::integer)::integer as n_undecided,
    max(n_partners) as n_partners,
    avg(mean_corr) as mean_corr,
    avg(mean_baseline) as mean_baseline,
    avg(excess_corr) as mean_excess,
    any_value(run) as run
{%- endmacro %}
