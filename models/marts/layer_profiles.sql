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
        (count(*) filter (where role = 'entropy' and passes_published))::integer as n_entropy,
        (count(*) filter (where role = 'attention' and passes_published))::integer as n_attention,
        (count(*) filter (where role = 'prediction' and passes))::integer as n_prediction_calibrated,
        (count(*) filter (where role = 'suppression' and passes))::integer as n_suppression_calibrated,
        (count(*) filter (where role = 'partition' and passes))::integer as n_partition_calibrated,
        (count(*) filter (where role = 'entropy' and passes))::integer as n_entropy_calibrated,
        (count(*) filter (where role = 'attention' and passes))::integer as n_attention_calibrated
    from {{ ref('neuron_roles') }}
    group by model, layer
),

quantiles as (
    select
        model,
        layer,
        count(*)::integer as n_neurons,
        quantile_cont(vocab_kurt, 0.05) as vocab_kurt_p05,
        quantile_cont(vocab_kurt, 0.10) as vocab_kurt_p10,
        quantile_cont(vocab_kurt, 0.50) as vocab_kurt_p50,
        quantile_cont(vocab_kurt, 0.90) as vocab_kurt_p90,
        quantile_cont(vocab_kurt, 0.95) as vocab_kurt_p95,
        quantile_cont(vocab_skew, 0.05) as vocab_skew_p05,
        quantile_cont(vocab_skew, 0.10) as vocab_skew_p10,
        quantile_cont(vocab_skew, 0.50) as vocab_skew_p50,
        quantile_cont(vocab_skew, 0.90) as vocab_skew_p90,
        quantile_cont(vocab_skew, 0.95) as vocab_skew_p95,
        any_value(weights_run) as run
    from properties
    group by model, layer
    -- A published subset has no profile: it needs the whole layer, but for a few neurons.
    having count(vocab_kurt) > 0.9 * count(*)
),

profiles as (
    select
        quantiles.model,
        quantiles.layer,
        quantiles.n_neurons,
        quantiles.vocab_kurt_p05,
        quantiles.vocab_kurt_p10,
        quantiles.vocab_kurt_p50,
        quantiles.vocab_kurt_p90,
        quantiles.vocab_kurt_p95,
        quantiles.vocab_skew_p05,
        quantiles.vocab_skew_p10,
        quantiles.vocab_skew_p50,
        quantiles.vocab_skew_p90,
        quantiles.vocab_skew_p95,
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
        roles.n_entropy,
        roles.n_attention,
        roles.n_entropy_calibrated,
        roles.n_attention_calibrated,
        quantiles.run
    from quantiles
    inner join roles
        on
            quantiles.model = roles.model
            and quantiles.layer = roles.layer
)

select * from profiles
order by model, layer
