with

neurons as (
    select * from {{ ref('int_entropy_neurons') }}
),

effects as (
    select * from {{ ref('int_entropy_effects') }}
    where kind in ('value', 'quantile')
),

sweeps as (
    select
        neurons.model,
        neurons.neurons,
        neurons.layer,
        neurons.neuron,
        effects.kind,
        coalesce(effects.quantile, effects.value) as setting,
        effects.value,
        effects.n_positions,
        effects.n_documents,
        {% for quantity in ['scale', 'entropy', 'loss', 'reciprocal_rank'] %}
        effects.{{ quantity }},
        effects.delta_{{ quantity }},
        effects.delta_{{ quantity }}_se,
        {% endfor %}
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
)

select * from sweeps
order by model asc, neurons asc, layer asc, neuron asc, kind desc, setting asc
