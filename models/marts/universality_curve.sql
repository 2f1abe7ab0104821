with

scores as not materialized (
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

-- Of most neurons no threshold is in reach, with or without any of the groups.
near as (
    select * from scores
    where
        not is_dead
        and (
            excess_corr > {{ var('curve_thresholds') | min }}
            or list_max(excess_without) > {{ var('curve_thresholds') | min }}
        )
),

-- All thresholds in one pass over them; a sum is much faster than a filtered count.
counted as (
    select
        comparison,
        model,
        unnest([
            {% for threshold in var('curve_thresholds') %}
            {
                'threshold': {{ threshold }}::double,
                'n_universal': sum((excess_corr > {{ threshold }})::integer),
                'n_without': [
                    {% for group in range(1, 17) %}
                    sum((coalesce(excess_without[{{ group }}], excess_corr) > {{ threshold }})::integer)
                    {{- ',' if not loop.last }}
                    {% endfor %}
                ]
            }{{ ',' if not loop.last }}
            {% endfor %}
        ]) as point
    from near
    group by comparison, model
),

totals as (
    select
        comparison,
        model,
        run,
        count(*)::integer as n_neurons,
        count(*) filter (where excess_corr is null and excess_bound is null) as n_unknown,
        max(excess_bound) filter (where excess_corr is null) as largest_bound,
        [
            {% for group in range(1, 17) %}
            {{ holds_text(group) }}{{ ',' if not loop.last }}
            {% endfor %}
        ] as is_group
    from scores
    group by comparison, model, run
),

-- A share needs all neurons. A published subset of universal ones says enough of the others from its own threshold.
whole as (
    select
        totals.comparison,
        totals.model,
        totals.run,
        thresholds.threshold,
        totals.n_neurons,
        coalesce(counted.point.n_universal, 0)::integer as n_universal,
        [
            {% for group in range(1, 17) %}
            case when totals.is_group[{{ group }}] then coalesce(counted.point.n_without[{{ group }}], 0) end
            {{- ',' if not loop.last }}
            {% endfor %}
        ] as n_without
    from totals
    cross join thresholds
    left join counted
        on
            totals.comparison = counted.comparison
            and totals.model = counted.model
            and thresholds.threshold = counted.point.threshold
    where totals.n_unknown = 0 and coalesce(totals.largest_bound <= thresholds.threshold, true)
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
