{#
    Mean-rank percentiles of properties of the neurons in a CTE `neurons`, within the layer, as CTEs that end in
    `percentiles`. A published subset has none: they need the whole layer, but for a few neurons.
#}
{% macro percentiles_of(properties) -%}
layers as (
    select
        model,
        layer,
        {% for property in properties %}
        case when count({{ property }}) > 0.9 * count(*) then count({{ property }}) end as {{ property }}_n,
        {% endfor %}
        (row_number() over (order by model, layer))::integer as place
    from neurons
    group by model, layer
),

placed as not materialized (
    select
        neurons.*,
        layers.* exclude (model, layer)
    from neurons
    inner join layers
        on
            neurons.model = layers.model
            and neurons.layer = layers.layer
),

-- A column at a time: a window carries every column that is selected beside it, which costs more than the sorting.
{% for property in properties %}
by_{{ property }} as (
    select
        place,
        neuron,
        {{ mean_rank_percentile(property, 'place', property ~ '_n') }} as percentile
    from placed
    where {{ property }} is not null and {{ property }}_n is not null
),

{% endfor %}
percentiles as (
    select
        {% for property in properties %}
        by_{{ property }}.percentile as {{ property }}_pct,
        {% endfor %}
        placed.model,
        placed.layer,
        placed.neuron,
        placed.run
    from placed
    {% for property in properties %}
    left join by_{{ property }}
        on
            placed.place = by_{{ property }}.place
            and placed.neuron = by_{{ property }}.neuron
    {% endfor %}
)
{%- endmacro %}
