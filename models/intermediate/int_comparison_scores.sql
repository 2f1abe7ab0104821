with

comparisons as (
    select * from {{ ref('int_comparisons') }}
    where site = 'mlp'
),

run_scores as (
    select * from {{ ref('int_run_scores') }}
),

measured as (
    select
        comparisons.comparison,
        comparisons.run,
        comparisons.moments_run,
        run_scores.model,
        run_scores.layer,
        run_scores.neuron,
        run_scores.max_corr,
        run_scores.mean_corr,
        run_scores.min_corr,
        run_scores.max_baseline,
        run_scores.mean_baseline,
        run_scores.min_baseline,
        run_scores.mean_shift,
        run_scores.mean_noise,
        run_scores.mean_twin,
        run_scores.excesses,
        run_scores.sd_partners,
        run_scores.se_draws,
        run_scores.n_groups,
        run_scores.n_partners,
        run_scores.is_dead,
        run_scores.excess_corr,
        null as excess_bound,
        run_scores.excess_without,
        run_scores.se_tokens,
        run_scores.excess_se,
        run_scores.excess_low,
        run_scores.excess_high
    from comparisons
    inner join run_scores
        on
            comparisons.run = run_scores.run
            and comparisons.model = run_scores.model
            and comparisons.relation = run_scores.relation
),

-- Published frames give no error; a universal subset says of the other neurons that their excess is small.
imported as (
    select
        'seeds' as comparison,
        run,
        null as moments_run,
        model,
        layer,
        neuron,
        max_corr,
        mean_corr,
        min_corr,
        max_baseline,
        mean_baseline,
        min_baseline,
        null as mean_shift,
        null as mean_noise,
        null as mean_twin,
        null as excesses,
        null as sd_partners,
        null as se_draws,
        null as n_groups,
        null as n_partners,
        is_dead,
        excess_corr,
        excess_bound,
        null as excess_without,
        null as se_tokens,
        null as excess_se,
        null as excess_low,
        null as excess_high
    from {{ ref('int_imported_neurons') }}
    where not is_ingested
    qualify bool_or(coalesce(excess_corr, excess_bound) is not null) over (partition by model)
),

together as (
    select * from measured
    union all
    select * from imported
)

select * from together
