{% set properties = [
    'mean_corr', 'mean_baseline', 'excess_corr', 'corr_range', 'sparsity', 'skew', 'kurt', 'input_bias', 'l2_penalty',
    'w_in_norm', 'w_out_norm', 'vocab_var', 'vocab_kurt',
] %}
{# Of a universal subset nothing follows about all neurons. #}
{% set is_whole = 'not coalesce(bool_and(is_universal), false)' %}
with

published as (
    select * from {{ ref('stg_published__values') }}
),

neurons as (
    select
        model,
        layer,
        neuron,
        is_universal,
        vocab_kurt > {{ var('role_kurt_cutoff') }} as is_high,
        vocab_skew > 0 as is_positive,
        max_corr - min_corr as corr_range,
        in_out_sim,
        {{ properties | reject('equalto', 'corr_range') | join(',\n        ') }},
        run
    from {{ ref('neurons') }}
    where model in (select published.model from published)
),

measured as (
    select * exclude (in_out_sim, is_positive) from neurons
    unpivot (value for property in ({{ properties | join(', ') }}))
),

shares as (
    select
        model,
        null::smallint as layer,
        n_universal::double as n_universal,
        pct_universal,
        run
    from {{ ref('universality') }}
    union all
    select
        model,
        layer,
        n_universal::double as n_universal,
        pct_universal,
        run
    from {{ ref('layer_universality') }}
),

statistics as (
    select
        model,
        layer,
        property,
        case when {{ is_whole }} then avg(value order by layer, neuron) end as mean,
        case when {{ is_whole }} then stddev_pop(value order by layer, neuron) end as sd,
        avg(value order by layer, neuron) filter (where is_universal) as universal_mean,
        avg(value order by layer, neuron) filter (where not is_universal) as rest_mean,
        median(value) filter (where is_universal) as universal_median,
        median(value) filter (where not is_universal) as rest_median,
        case when {{ is_whole }} then avg(value order by layer, neuron) filter (where is_high) end
            as high_vocab_kurt_mean,
        case when {{ is_whole }} then avg(value order by layer, neuron) filter (where not is_high) end
            as low_vocab_kurt_mean,
        any_value(run) as run
    from measured
    group by grouping sets ((model, property), (model, layer, property))
),

bins as (
    select
        model,
        property,
        floor(value / 0.02) as bin,
        count(*) as n_neurons,
        {{ is_whole }} as has_rest,
        any_value(run) as run
    from measured
    where property in ('mean_corr', 'mean_baseline', 'excess_corr')
    group by model, property, bin
),

modes as (
    select
        model,
        property,
        0.02 * (max_by(bin, struct_pack(n := n_neurons, earlier := -bin)) + 0.5) as mode,
        any_value(run) as run
    from bins
    group by model, property
    having bool_or(has_rest)
),

percentiles as (
    select
        model,
        property,
        universal_median_pct,
        rest_median_pct,
        run
    from {{ ref('property_contrasts') }}
    where n_rest > 0
),

counts as (
    select
        model,
        layer,
        case when {{ is_whole }} then count(*) filter (where is_high) end::double as n_high_vocab_kurt,
        case when {{ is_whole }} then count(*) filter (where is_high and is_positive) end::double as n_prediction,
        case when {{ is_whole }} then count(*) filter (where is_high and not is_positive) end::double as n_suppression,
        count(*) filter (where is_universal and is_high)::double as n_universal_high_vocab_kurt,
        count(*) filter (where is_universal and is_high and is_positive)::double as n_universal_prediction,
        count(*) filter (where is_universal and is_high and not is_positive)::double as n_universal_suppression,
        count(*) filter (where is_universal and vocab_var > {{ var('role_var_cutoff') }})::double
            as n_universal_partition,
        any_value(run) as run
    from neurons
    where vocab_kurt is not null
    group by grouping sets ((model), (model, layer))
),

lines as (
    select
        model,
        corr(in_out_sim, sparsity order by layer, neuron) as frequency_cosine_corr,
        any_value(run) as run
    from neurons
    where
        in_out_sim is not null
        and sparsity is not null
    group by model
    having {{ is_whole }}
),

heads as (
    select
        model,
        median(other_to_bos) as median_other_to_bos,
        any_value(run) as run
    from {{ ref('head_bos_outputs') }}
    group by model
),

stages as (
    select
        model,
        layer,
        attention_per_offset,
        run
    from {{ ref('layer_stages') }}
),

quantities as (
    {% for step, names in [
        ('shares', ['n_universal', 'pct_universal']),
        ('statistics', [
            'mean', 'sd', 'universal_mean', 'rest_mean', 'universal_median', 'rest_median', 'high_vocab_kurt_mean',
            'low_vocab_kurt_mean',
        ]),
        ('modes', ['mode']),
        ('percentiles', ['universal_median_pct', 'rest_median_pct']),
        ('counts', [
            'n_high_vocab_kurt', 'n_prediction', 'n_suppression', 'n_universal_high_vocab_kurt',
            'n_universal_prediction', 'n_universal_suppression', 'n_universal_partition',
        ]),
        ('lines', ['frequency_cosine_corr']),
        ('heads', ['median_other_to_bos']),
        ('stages', ['attention_per_offset']),
    ] %}
    select * from {{ step }}
    unpivot (value for quantity in ({{ names | join(', ') }}))
    union all by name
    {% endfor %}
    select
        model,
        layer,
        neuron,
        property,
        'neuron' as quantity,
        value,
        run
    from measured
),

compared as (
    select
        published.paper,
        published.figure,
        published.model,
        published.quantity,
        published.property,
        published.layer,
        published.neuron,
        published.value as published,
        published.tolerance,
        published.is_exact,
        published.evidence,
        quantities.value as ours,
        quantities.value - published.value as difference,
        -- A value on the edge of what was rounded is within.
        abs(quantities.value - published.value) <= published.tolerance + 1e-9 as is_within,
        runs.kind = 'import' as is_imported,
        quantities.run
    from published
    left join quantities
        on
            published.model = quantities.model
            and published.quantity = quantities.quantity
            and published.property is not distinct from quantities.property
            and published.layer is not distinct from quantities.layer
            and published.neuron is not distinct from quantities.neuron
    left join {{ ref('stg_raw__runs') }} as runs on quantities.run = runs.run
)

select * from compared
order by paper, figure, model, quantity, property, layer, neuron
