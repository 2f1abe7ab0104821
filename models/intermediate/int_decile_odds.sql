with

counts as (
    select * from {{ ref('int_decile_counts') }}
),

models as (
    select * from {{ ref('models') }}
),

-- A seed that is not given counts as one of its own, as it does for correlations.
trained as (
    select
        models.model,
        others.model as other_model
    from models
    inner join models as others
        on
            models.model_family = others.model_family
            and models.step is not distinct from others.step
            and models.model <> others.model
            and coalesce(models.seed <> others.seed, true)
),

totals as (
    select
        trained.model,
        counts.kind,
        counts.property,
        sum(counts.n_universal) as n_universal,
        sum(counts.n_rest) as n_rest,
        list_sort(list(distinct trained.other_model)) as trained_models
    from trained
    inner join counts on trained.other_model = counts.model
    group by trained.model, counts.kind, counts.property
),

by_decile as (
    select
        trained.model,
        counts.property,
        counts.decile,
        sum(counts.n_universal) as n_universal,
        sum(counts.n_rest) as n_rest
    from trained
    inner join counts on trained.other_model = counts.model
    group by trained.model, counts.property, counts.decile
),

deciles as (
    select unnest(range(1, 11))::smallint as decile
),

-- Laplace's rule over ten deciles would read much into one where nobody is: that says nothing.
odds as (
    select
        totals.model,
        totals.kind,
        totals.property,
        deciles.decile,
        case
            when by_decile.decile is not null
                then
                    ln((by_decile.n_universal + 1) / (totals.n_universal + 10))
                    - ln((by_decile.n_rest + 1) / (totals.n_rest + 10))
            else 0
        end as log_odds,
        totals.trained_models
    from totals
    cross join deciles
    left join by_decile
        on
            totals.model = by_decile.model
            and totals.property = by_decile.property
            and deciles.decile = by_decile.decile
    where totals.n_universal > 0 and totals.n_rest > 0
)

select * from odds
