with

neurons as (
    select
        *,
        case
            when excess_corr is not null then not is_dead and excess_corr > {{ var('universal_threshold') }}
            when excess_bound <= {{ var('universal_threshold') }} then false
        end as is_universal
    from {{ ref('int_imported_neurons') }}
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
