with

neurons as (
    select * from {{ ref('neurons') }}
    where is_universal is not null and is_dead is not true
),

percentiles as (
    select * from {{ ref('neuron_percentiles') }}
),

labelled as (
    select
        percentiles.*,
        neurons.is_universal
    from percentiles
    inner join neurons
        on
            percentiles.model = neurons.model
            and percentiles.layer = neurons.layer
            and percentiles.neuron = neurons.neuron
),

counts as (
    {% for kind, properties in predictors().items() %}
    {% set last_kind = loop.last %}
    {% for property in properties %}
    select
        model,
        '{{ kind }}' as kind,
        '{{ property }}' as property,
        ceil({{ property }}_pct / 10)::smallint as decile,
        (count(*) filter (where is_universal))::bigint as n_universal,
        (count(*) filter (where not is_universal))::bigint as n_rest
    from labelled
    where {{ property }}_pct is not null
    group by model, decile
    {% if not (last_kind and loop.last) %}union all{% endif %}
    {% endfor %}
    {% endfor %}
)

select * from counts
