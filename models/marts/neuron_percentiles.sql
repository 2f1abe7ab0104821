with

neurons as (
    select * from {{ ref('neurons') }}
    where is_dead is not true
),

own as (
    select * from {{ ref('int_own_percentiles') }}
),

{{ percentiles_of(compared_properties()) }},

joined as (
    select
        percentiles.model,
        percentiles.layer,
        percentiles.neuron,
        {% for property in neuron_properties() %}
        {{ 'own' if property in own_properties() else 'percentiles' }}.{{ property }}_pct,
        {% endfor %}
        percentiles.run
    from percentiles
    left join own
        on
            percentiles.model = own.model
            and percentiles.layer = own.layer
            and percentiles.neuron = own.neuron
    order by percentiles.model, percentiles.layer, percentiles.neuron
)

select * from joined
