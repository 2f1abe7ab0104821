with

properties as (
    select * from {{ ref('int_neuron_properties') }}
),

roles as (
    select
        model,
        layer,
        (count(*) filter (where role = 'prediction' and passes_published))::integer as n_prediction,
        (count(*) filter (where role = 'suppression' and passes_published))::integer as n_suppression,
        (count(*) filter (where role = 'partition' and passes_published))::integer as n_partition,
        (count(*) filter (where role = 'prediction' and passes))::integer as n_prediction_calibrated,
        (count(*) filter (where role = 'suppression' and passes))::integer as n_suppression_calibrated,
        (count(*) filter (where role = 'partition' and passes))::integer as n_partition_calibrated
    from {{ ref('neuron_roles') }}
    group by model, layer
),

quantiles as (
    select
        model,
        layer,
        count(*)::integer as n_neurons,
        {% for property in ['vocab_kurt', 'vocab_skew'] -%}
            {% for share in ['05', '10', '50', '90', '95'] -%}
                quantile_cont({{ property }}, 0.{{ share }}) as {{ property }}_p{{ share }},
            {% endfor %}
        {% endfor -%}
        any_value(weights_run) as run
    from properties
    group by model, layer
),

profiles as (
    select
        quantiles.* exclude (run),
        roles.n_prediction,
        roles.n_suppression,
        100 * roles.n_prediction / quantiles.n_neurons as pct_prediction,
        100 * roles.n_suppression / quantiles.n_neurons as pct_suppression,
        roles.n_partition,
        roles.n_prediction_calibrated,
        roles.n_suppression_calibrated,
        100 * roles.n_prediction_calibrated / quantiles.n_neurons as pct_prediction_calibrated,
        100 * roles.n_suppression_calibrated / quantiles.n_neurons as pct_suppression_calibrated,
        roles.n_partition_calibrated,
        quantiles.run
    from quantiles
    inner join roles
        on
            quantiles.model = roles.model
            and quantiles.layer = roles.layer
)

select * from profiles
