with

neurons as (
    select * from {{ ref('neurons') }}
    where is_dead is not true
),

-- A published subset has no percentiles: they need the whole layer, but for a few neurons.
percentiles as (
    select
        model,
        layer,
        neuron,
        {% for property in neuron_properties() %}
        case
            when
                count({{ property }}) over (partition by model, layer)
                > 0.9 * count(*) over (partition by model, layer)
                then {{ mean_rank_percentile(property, 'model, layer') }}
        end as {{ property }}_pct,
        {% endfor %}
        run
    from neurons
    order by model, layer, neuron
)

select * from percentiles
