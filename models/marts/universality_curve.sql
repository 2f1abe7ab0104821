with

scores as (
    select * from {{ ref('int_comparison_scores') }}
),

partial_scores as (
    select * from {{ ref('int_partial_scores') }}
    where first_group = 0
),

runs as (
    select * from {{ ref('stg_raw__runs') }}
),

thresholds as (
    select unnest({{ var('curve_thresholds') }})::double as threshold
),

asked as (
    select
        scores.*,
        thresholds.threshold
    from scores
    cross join thresholds
),

whole as (
    select
        comparison,
        model,
        run,
        threshold,
        count(*)::integer as n_neurons,
        (count(*) filter (where not is_dead and excess_corr > threshold))::integer as n_universal,
        {{ counts_without_a_group('threshold') }} as n_without
    from asked
    group by comparison, model, run, threshold
    -- A share needs all neurons. A published subset of universal ones says enough of the others from its own threshold.
    having bool_and(excess_corr is not null or coalesce(excess_bound <= threshold, false))
),

budgets as (
    select
        partial_scores.comparison,
        partial_scores.model,
        thresholds.threshold,
        partial_scores.n_positions,
        (count(*) filter (where partial_scores.excess_corr > thresholds.threshold))::integer as n_universal
    from partial_scores
    cross join thresholds
    group by
        partial_scores.comparison,
        partial_scores.model,
        thresholds.threshold,
        partial_scores.last_group,
        partial_scores.n_positions
    -- A group without text adds no budget.
    qualify
        row_number() over (
            partition by
                partial_scores.comparison,
                partial_scores.model,
                thresholds.threshold,
                partial_scores.n_positions
            order by partial_scores.last_group
        ) = 1
),

points as (
    select
        whole.*,
        coalesce(runs.n_positions, 0) as n_positions,
        true as is_whole
    from whole
    inner join runs on whole.run = runs.run
    union all
    select
        whole.comparison,
        whole.model,
        whole.run,
        whole.threshold,
        whole.n_neurons,
        budgets.n_universal,
        null as n_without,
        budgets.n_positions,
        false as is_whole
    from whole
    inner join runs on whole.run = runs.run
    inner join budgets
        on
            whole.comparison = budgets.comparison
            and whole.model = budgets.model
            and whole.threshold = budgets.threshold
            and runs.n_positions > budgets.n_positions
),

curve as (
    select
        *,
        100.0 * n_universal / n_neurons as pct_universal,
        {{ interval_of_share('n_without') }}
    from points
)

select * exclude (n_without, pct_margin) from curve
order by comparison, model, n_positions, threshold
