with

neurons as (
    select
        imported.*,
        {{ is_universal('imported', var('universal_threshold')) }} as is_universal
    from {{ ref('int_imported_neurons') }} as imported
),

described as (
    select
        model,
        layer,
        neuron,
        {% for column in published_columns() %}
        {{ column }},
        {% endfor %}
        is_universal,
        is_ingested,
        run
    from neurons
    where is_described
    order by model, layer, neuron
)

select * from described
