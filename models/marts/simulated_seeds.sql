with

neurons as (
    select * from {{ ref('simulated_neurons') }}
),

summed as (
    select
        model,
        strength,
        noise,
        count(*)::integer as n_neurons,
        avg(corr order by layer, neuron) as corr_mean,
        stddev_samp(corr order by layer, neuron) as corr_sd,
        avg(expected_corr order by layer, neuron) as expected_corr_mean,
        max(abs(corr - expected_corr)) as max_difference,
        -- Without strength all correlations are the same, and there is nothing that could go together.
        case
            when stddev_pop(expected_corr) > 1e-9 and stddev_pop(corr) > 1e-9
                then corr(corr, expected_corr order by layer, neuron)
        end as agreement,
        sqrt(avg(z ** 2 order by layer, neuron)) as z_rms,
        100.0 * (count(*) filter (where abs(z) > 3)) / nullif(count(z), 0) as pct_beyond_3,
        100.0 * (count(*) filter (where is_counterpart)) / count(*) as pct_counterpart,
        avg(max_corr order by layer, neuron) as max_corr_mean,
        avg(baseline order by layer, neuron) as baseline_mean,
        (count(*) filter (where is_universal))::integer as n_universal,
        100.0 * (count(*) filter (where is_universal)) / count(*) as pct_universal,
        run
    from neurons
    group by run, model, strength, noise
)

select * from summed
order by model, strength, noise, run
