with

experiments as (
    select * from {{ ref('int_experiments') }}
    where kind = 'entropy'
),

controls as (
    select * from {{ ref('stg_raw__entropy_neurons') }}
    where control in ('norm', 'random')
),

sweeps as (
    {% for quantity in ['scale', 'entropy', 'loss', 'reciprocal_rank'] %}
    select
        model,
        neurons,
        layer,
        neuron,
        kind,
        setting,
        '{{ quantity }}' as quantity,
        delta_{{ quantity }} as change,
        is_asked,
        run
    from {{ ref('entropy_sweeps') }}
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

asked as (
    select * from sweeps
    where is_asked
),

compared as (
    select
        asked.model,
        asked.neurons,
        asked.layer,
        asked.neuron,
        asked.kind,
        asked.setting,
        controls.control,
        asked.quantity,
        any_value(asked.change) as change,
        avg(others.change order by others.layer, others.neuron) as control_change,
        count(*)::integer as n_controls,
        (1 + count(*) filter (where abs(others.change) >= abs(asked.change))) / (1 + count(*)) as p,
        asked.run
    from asked
    inner join experiments
        on
            asked.run = experiments.run
            and asked.model = experiments.model
    inner join controls
        on
            asked.run = controls.run
            and asked.model = controls.model
            and (
                controls.control = 'random'
                or (asked.layer = controls.layer and asked.neuron = controls.asked_neuron)
            )
    inner join sweeps as others
        on
            controls.run = others.run
            and controls.model = others.model
            and controls.layer = others.layer
            and controls.neuron = others.neuron
            and asked.kind = others.kind
            and asked.setting = others.setting
            and asked.quantity = others.quantity
    group by
        asked.run, asked.model, asked.neurons, asked.layer, asked.neuron, asked.kind, asked.setting, controls.control,
        asked.quantity
)

select * from compared
order by
    model asc, neurons asc, layer asc, neuron asc, kind desc, setting asc, control asc, quantity asc
