with

neurons as (
    select * from {{ ref('neurons') }}
    where is_universal is not null
),

percentiles as (
    select * from {{ ref('neuron_percentiles') }}
),

labelled as (
    select
        percentiles.*,
        neurons.is_universal,
        neurons.run as compared_in
    from percentiles
    inner join neurons
        on
            percentiles.model = neurons.model
            and percentiles.layer = neurons.layer
            and percentiles.neuron = neurons.neuron
),

contrasts as (
    {% for property in neuron_properties() %}
    select
        model,
        '{{ property }}' as property,
        median({{ property }}_pct) filter (where is_universal) as universal_median_pct,
        median({{ property }}_pct) filter (where not is_universal) as rest_median_pct,
        (count(*) filter (where is_universal))::integer as n_universal,
        (count(*) filter (where not is_universal))::integer as n_rest,
        any_value(compared_in) as run
    from labelled
    where {{ property }}_pct is not null
    group by model
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select * from contrasts
order by model, property
