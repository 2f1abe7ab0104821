{#
    The rule of output clusters as a DuckDB table macro: neurons of one model that act on the same tokens in the same
    direction. The feature is the one that takes most of the variance of a neuron's effects away, and more than the
    cut-off.
#}
{% macro create_rule_output_cluster() -%}
    create or replace macro marts.rule_output_cluster(cutoff) as table
    with
    acting as (
        select
            features.model,
            features.feature,
            features.feature_kind,
            case when features.mean_true > features.mean_false then 'promotes' else 'suppresses' end as action,
            features.layer,
            features.neuron,
            features.variance_reduction,
            coalesce(universality.is_universal, false) as is_universal,
            features.run
        from {{ ref('neuron_features') }} as features
        left join {{ ref('neuron_universality') }} as universality
            on
                universality.comparison = 'seeds'
                and features.model = universality.model
                and features.layer = universality.layer
                and features.neuron = universality.neuron
        where
            features.side = 'output'
            and features.rank = 1
            and features.variance_reduction > cutoff
    )
    select
        model,
        feature,
        any_value(feature_kind) as feature_kind,
        action,
        count(*)::integer as n_neurons,
        (count(*) filter (where is_universal))::integer as n_universal,
        avg(variance_reduction order by layer, neuron) as mean_reduction,
        list_sort(list(distinct layer)) as layers,
        list('L' || layer || '.N' || neuron order by variance_reduction desc, layer, neuron) as neurons,
        any_value(run) as run
    from acting
    group by model, feature, action
{%- endmacro %}
