-- Of all groups of documents, and of all but one: standard errors are those of a jackknife over groups.
{%- set sums = [
    'n', 'activation', 'attention', 'delta', 'norm', 'norm_without', 'ratio', 'sum_aa', 'sum_dd', 'sum_rr', 'sum_ad',
    'sum_dr', 'sum_ar'
] %}
{%- set correlations = {
    'activation_attention': ['activation', 'delta', 'sum_aa', 'sum_dd', 'sum_ad'],
    'attention_norm': ['delta', 'ratio', 'sum_dd', 'sum_rr', 'sum_dr'],
    'activation_norm': ['activation', 'ratio', 'sum_aa', 'sum_rr', 'sum_ar']
} %}
with

groups as (
    select * from {{ ref('int_path_groups') }}
),

totals as (
    select
        run,
        model,
        path,
        span,
        doc_group,
    {% for name in sums %}
    {{ name }},
    sum({{ name }}) over path_and_span as all_{{ name }}
    {{- ',' if not loop.last }}
    {% endfor %}
    from groups
    window path_and_span as (
        partition by run, model, path, span
        order by doc_group
        rows between unbounded preceding and unbounded following
    )
),

parts as (
    select
        run,
        model,
        path,
        span,
        doc_group,
        all_n,
        all_activation / all_n as activation,
        all_attention / all_n as attention,
        all_delta / all_n as delta,
        (all_delta - delta) / nullif(all_n - n, 0) as delta_without,
        all_norm / all_n as norm,
        all_norm_without / all_n as norm_without,
        all_ratio / all_n as ratio,
        (all_ratio - ratio) / nullif(all_n - n, 0) as ratio_without,
    {% for name, (x, y, xx, yy, xy) in correlations.items() %}
    {{ correlation_of_sums('all_n', 'all_' ~ x, 'all_' ~ y, 'all_' ~ xx, 'all_' ~ yy, 'all_' ~ xy) }} as {{ name }},
    {{ correlation_of_sums(
        'all_n - n', 'all_' ~ x ~ ' - ' ~ x, 'all_' ~ y ~ ' - ' ~ y, 'all_' ~ xx ~ ' - ' ~ xx, 'all_' ~ yy ~ ' - ' ~ yy,
        'all_' ~ xy ~ ' - ' ~ xy
    ) }} as {{ name }}_without
    {{- ',' if not loop.last }}
    {% endfor %}
    from totals
),

effects as (
    select
        run,
        model,
        path,
        span,
        any_value(all_n)::bigint as n_positions,
        any_value(activation) as activation,
        any_value(attention) as attention,
        any_value(norm) as norm,
        any_value(norm_without) as norm_without,
    {% for name in ['delta', 'ratio', 'activation_attention', 'attention_norm', 'activation_norm'] %}
    any_value({{ name }}) as {{ name }},
    sqrt((count({{ name }}_without) - 1) * var_pop({{ name }}_without order by doc_group)) as {{ name }}_se
    {{- ',' if not loop.last }}
    {% endfor %}
    from parts
    group by run, model, path, span
)

select * from effects
