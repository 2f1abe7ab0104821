with

neurons as (
    select * from {{ ref('neurons') }}
),

scores as (
    select * from {{ ref('universality_scores') }}
),

decile_counts as (
    select * from {{ ref('int_decile_counts') }}
),

decile_odds as (
    select * from {{ ref('int_decile_odds') }}
),

runs as (
    select
        model,
        any_value(run) as run
    from neurons
    where is_universal is not null
    group by model
),

-- Sums that differ in their last bits tie.
by_score as (
    select
        scores.model,
        scores.inputs,
        scores.inputs as kind,
        round(scores.score, 9) as score,
        count(*) filter (where neurons.is_universal) as n_universal,
        count(*) filter (where not neurons.is_universal) as n_rest,
        max(scores.n_properties) as n_properties,
        max(scores.n_trained_models) as n_trained_models
    from scores
    inner join neurons
        on
            scores.model = neurons.model
            and scores.layer = neurons.layer
            and scores.neuron = neurons.neuron
    group by scores.model, scores.inputs, round(scores.score, 9)
),

-- Of a property alone a neuron's decile says everything.
by_decile as (
    select
        decile_counts.model,
        decile_counts.property as inputs,
        decile_counts.kind,
        decile_odds.log_odds as score,
        sum(decile_counts.n_universal)::bigint as n_universal,
        sum(decile_counts.n_rest)::bigint as n_rest,
        1 as n_properties,
        max(len(decile_odds.trained_models))::integer as n_trained_models
    from decile_counts
    inner join decile_odds
        on
            decile_counts.model = decile_odds.model
            and decile_counts.property = decile_odds.property
            and decile_counts.decile = decile_odds.decile
    group by decile_counts.model, decile_counts.property, decile_counts.kind, decile_odds.log_odds
),

tied as (
    select * from by_score
    union all
    select * from by_decile
),

-- Twice how many of the others lie below a score, and how many universal ones above it: those that tie count half.
placed as (
    select
        *,
        2 * (sum(n_rest) over upwards)::bigint - n_rest as rest_below,
        2 * (sum(n_universal) over downwards)::bigint - n_universal as universal_above
    from tied
    window
        upwards as (
            partition by model, inputs order by score asc
            rows between unbounded preceding and current row
        ),
        downwards as (
            partition by model, inputs order by score desc
            rows between unbounded preceding and current row
        )
),

-- Whole numbers, whose sums have the same bits in any sequence.
counted as (
    select
        model,
        inputs,
        kind,
        max(n_properties) as n_properties,
        max(n_trained_models) as n_trained_models,
        sum(n_universal)::double as n_universal,
        sum(n_rest)::double as n_rest,
        sum(n_universal * rest_below)::double as below,
        sum(n_universal * rest_below::hugeint * rest_below)::double as below_squared,
        sum(n_rest * universal_above)::double as above,
        sum(n_rest * universal_above::hugeint * universal_above)::double as above_squared
    from placed
    group by model, inputs, kind
),

-- DeLong: the variance over universal neurons of the others below each one, and the other way round.
judged as (
    select
        *,
        below / nullif(2 * n_universal * n_rest, 0) as auc,
        (below_squared - below ** 2 / nullif(n_universal, 0))
        / nullif(4 * n_rest ** 2 * (n_universal - 1) * n_universal, 0)
        + (above_squared - above ** 2 / nullif(n_rest, 0))
        / nullif(4 * n_universal ** 2 * (n_rest - 1) * n_rest, 0) as auc_variance
    from counted
),

prediction as (
    select
        judged.model,
        judged.inputs,
        judged.kind,
        judged.n_properties::integer as n_properties,
        judged.n_universal::integer as n_universal,
        judged.n_rest::integer as n_rest,
        judged.auc,
        case
            when judged.auc_variance is not null
                then greatest(0, judged.auc - 1.959964 * sqrt(greatest(0, judged.auc_variance)))
        end as auc_low,
        case
            when judged.auc_variance is not null
                then least(1, judged.auc + 1.959964 * sqrt(greatest(0, judged.auc_variance)))
        end as auc_high,
        judged.n_trained_models::integer as n_trained_models,
        runs.run
    from judged
    inner join runs on judged.model = runs.model
)

select * from prediction
order by model, inputs
