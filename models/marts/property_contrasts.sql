with

neurons as (
    select * from {{ ref('neurons') }}
    where is_universal is not null
),

percentiles as (
    select * from {{ ref('neuron_percentiles') }}
),

property_percentiles as (
    {% for property in neuron_properties() %}
    select
        model,
        layer,
        neuron,
        '{{ property }}' as property,
        {{ property }}_pct as pct
    from percentiles
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

contrasts as (
    select
        property_percentiles.model,
        property_percentiles.property,
        median(property_percentiles.pct) filter (where neurons.is_universal) as universal_median_pct,
        median(property_percentiles.pct) filter (where not neurons.is_universal) as rest_median_pct,
        (count(*) filter (where neurons.is_universal))::integer as n_universal,
        (count(*) filter (where not neurons.is_universal))::integer as n_rest,
        any_value(neurons.run) as run
    from property_percentiles
    inner join neurons
        on
            property_percentiles.model = neurons.model
            and property_percentiles.layer = neurons.layer
            and property_percentiles.neuron = neurons.neuron
    where property_percentiles.pct is not null
    group by property_percentiles.model, property_percentiles.property
    order by property_percentiles.model, property_percentiles.property
)

select * from contrasts
