with

experiments as (
    select * from {{ ref('int_experiments') }}
    where kind = 'entropy'
),

controls as (
    select * from {{ ref('stg_raw__entropy_neurons') }}
),

neurons as (
    select
        controls.run,
        controls.model,
        controls.layer,
        controls.neuron,
        any_value(experiments.neurons) as neurons,
        any_value(controls.mean) as mean,
        any_value(controls.w_out_norm) as w_out_norm,
        bool_or(controls.control = 'asked') as is_asked,
        bool_or(controls.control = 'norm') as is_norm_control,
        bool_or(controls.control = 'random') as is_random_control,
        bool_or(controls.control = 'frequency') as is_frequency
    from controls
    inner join experiments
        on
            controls.run = experiments.run
            and controls.model = experiments.model
    group by controls.run, controls.model, controls.layer, controls.neuron
)

select * from neurons
