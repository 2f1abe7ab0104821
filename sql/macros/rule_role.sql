{#
    The rule of roles as a DuckDB table macro: neuron_roles calls it with the vars, a reader with any cut-offs. The
    published cut-offs were found in models of width 768 to 1024 and depend on width; the calibrated ones are quantiles
    of what random directions have in the same unembedding.
#}
{% macro create_rule_role() -%}
    create or replace macro marts.rule_role(kurt_cutoff, var_cutoff, null_share) as table
    with
    properties as (
        select
            model,
            layer,
            neuron,
            vocab_kurt,
            vocab_skew,
            vocab_var,
            weights_run as run
        from {{ ref('int_neuron_properties') }}
    ),
    nulls as (
        select
            run,
            model,
            max(value) filter (where statistic = 'vocab_kurt') as null_kurt,
            max(value) filter (where statistic = 'vocab_var') as null_var
        from {{ ref('stg_raw__vocabulary_nulls') }}
        where quantile = null_share
        group by run, model
    ),
    scored as (
        select
            properties.*,
            role.role,
            case when role.role = 'partition' then properties.vocab_var else properties.vocab_kurt end as score,
            case when role.role = 'partition' then var_cutoff else kurt_cutoff end::double as cutoff,
            case when role.role = 'partition' then nulls.null_var else nulls.null_kurt end as null_quantile,
            case role.role
                when 'prediction' then properties.vocab_skew > 0
                when 'suppression' then properties.vocab_skew < 0
                else true
            end as has_sign
        from properties
        cross join (select unnest(['prediction', 'suppression', 'partition']) as role) as role
        left join nulls
            on
                properties.run = nulls.run
                and properties.model = nulls.model
    )
    select
        model,
        layer,
        neuron,
        role,
        score,
        cutoff,
        null_quantile,
        coalesce(has_sign and score > cutoff, false) as passes_published,
        coalesce(has_sign and score > null_quantile, false) as passes,
        run
    from scored
    where score is not null
{%- endmacro %}
