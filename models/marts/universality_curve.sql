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

-- All thresholds in one pass over the neurons.
counted as (
    select
        comparison,
        model,
        run,
        count(*)::integer as n_neurons,
        unnest([
            {% for threshold in var('curve_thresholds') %}
            {
                'threshold': {{ threshold }}::double,
                'n_universal': (count(*) filter (where not is_dead and excess_corr > {{ threshold }}))::integer,
                'n_without': {{ counts_without_a_group(threshold) }},
                'is_known': bool_and(excess_corr is not null or coalesce(excess_bound <= {{ threshold }}, false))
            }{{ ',' if not loop.last }}
            {% endfor %}
        ]) as point
    from scores
    group by comparison, model, run
),

-- A share needs all neurons. A published subset of universal ones says enough of the others from its own threshold.
whole as (
    select
        counted.comparison,
        counted.model,
        counted.run,
        counted.point.threshold,
        counted.n_neurons,
        counted.point.n_universal,
        counted.point.n_without
    from counted
    where counted.point.is_known
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
