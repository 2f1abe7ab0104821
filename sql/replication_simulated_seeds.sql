-- Replication report, approach B: does the pipeline find a neuron again in a simulated seed of its own model?
-- $model: name of a model; all models without it
select
    model,
    strength,
    noise,
    n_neurons,
    corr_mean,
    corr_sd,
    expected_corr_mean,
    max_difference,
    agreement,
    z_rms,
    pct_beyond_3,
    pct_counterpart,
    max_corr_mean,
    baseline_mean,
    n_universal,
    pct_universal
from marts.simulated_seeds
where $model::varchar is null or model = $model::varchar
order by model, strength, noise
