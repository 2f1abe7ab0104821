with

published as (
    select * from {{ ref('stg_published__prediction_neurons') }}
),

listed as (
    select
        published.model,
        published.layer,
        published.neuron,
        published.feature,
        published.role,
        neurons.run
    from published
    left join {{ ref('neurons') }} as neurons
        on
            published.model = neurons.model
            and published.layer = neurons.layer
            and published.neuron = neurons.neuron
)

select * from listed
order by model, layer, neuron, feature, role
