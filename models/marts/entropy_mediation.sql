with

neurons as (
    select * from {{ ref('int_entropy_neurons') }}
),

effects as (
    select * from {{ ref('int_mediation') }}
),

mediation as (
    select
        neurons.model,
        neurons.neurons,
        neurons.layer,
        neurons.neuron,
        effects.frozen,
        effects.quantity,
        effects.n_positions,
        effects.n_documents,
        effects.total_effect,
        effects.total_effect_low,
        effects.total_effect_high,
        effects.direct_effect,
        effects.direct_effect_low,
        effects.direct_effect_high,
        case when effects.is_an_effect then effects.mediated_share end as mediated_share,
        case when effects.is_an_effect then effects.mediated_share_low end as mediated_share_low,
        case when effects.is_an_effect then effects.mediated_share_high end as mediated_share_high,
        neurons.layer = models.n_layers - 1 as is_last_layer,
        neurons.mean,
        neurons.w_out_norm,
        neurons.is_asked,
        neurons.is_norm_control,
        neurons.is_random_control,
        neurons.is_frequency,
        neurons.run
    from effects
    inner join neurons
        on
            effects.run = neurons.run
            and effects.model = neurons.model
            and effects.layer = neurons.layer
            and effects.neuron = neurons.neuron
    left join {{ ref('models') }} as models on neurons.model = models.model
)

select * from mediation
order by model asc, neurons asc, layer asc, neuron asc, frozen desc, quantity asc
