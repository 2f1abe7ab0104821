with

neurons as (
    select * from {{ ref('neurons') }}
    where is_dead is not true
),

percentiles as (
    select
        model,
        layer,
        neuron,
        {% for property in neuron_properties() %}
        {{ mean_rank_percentile(property, 'model, layer') }} as {{ property }}_pct,
        {% endfor %}
        run
    from neurons
    order by model, layer, neuron
)

select * from percentiles
