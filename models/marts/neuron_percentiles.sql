with

neurons as (
    select * from {{ ref('neurons') }}
    where is_dead is not true
),

layers as (
    select
        model,
        layer,
        (row_number() over (order by model, layer))::integer as place,
        count(*) as n_neurons
    from neurons
    group by model, layer
),

placed as not materialized (
    select
        neurons.*,
        layers.place,
        layers.n_neurons
    from neurons
    inner join layers
        on
            neurons.model = layers.model
            and neurons.layer = layers.layer
),

-- A column at a time: a window carries every column that is selected beside it, which costs more than the sorting.
-- A published subset has no percentiles: they need the whole layer, but for a few neurons.
{% for property in neuron_properties() %}
by_{{ property }} as (
    select
        place,
        neuron,
        case
            when count(*) over (partition by place) > 0.9 * n_neurons
                then {{ mean_rank_percentile(property, 'place') }}
        end as percentile
    from placed
    where {{ property }} is not null
),

{% endfor %}
percentiles as (
    select
        placed.model,
        placed.layer,
        placed.neuron,
        {% for property in neuron_properties() %}
        by_{{ property }}.percentile as {{ property }}_pct,
        {% endfor %}
        placed.run
    from placed
    {% for property in neuron_properties() %}
    left join by_{{ property }}
        on
            placed.place = by_{{ property }}.place
            and placed.neuron = by_{{ property }}.neuron
    {% endfor %}
    order by placed.model, placed.layer, placed.neuron
)

select * from percentiles
