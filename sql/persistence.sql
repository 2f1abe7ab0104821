-- Do universal neurons stay universal until the next checkpoint, beyond noise and chance (all seeds together)?
-- $model_family: name of a family of models; all families without it
with

counts as (
    select
        *,
        pct_ceiling * n_from as ceilings,
        pct_between_halves * n_from as between_halves,
        pct_floor * n_from as floors
    from marts.persistence
    where $model_family::varchar is null or model_family = $model_family::varchar
),

pooled as (
    select
        model_family,
        step_from,
        step_to,
        scope,
        count(*)::integer as n_seeds,
        sum(n_from)::integer as n_from,
        sum(n_kept)::integer as n_kept,
        sum(n_born)::integer as n_born,
        sum(n_died)::integer as n_died,
        100.0 * sum(n_kept) / nullif(sum(n_from), 0) as pct_persistent,
        min(pct_persistent) as pct_least_of_seeds,
        max(pct_persistent) as pct_most_of_seeds,
        sum(floors) / nullif(sum(n_from), 0) as pct_floor,
        sum(ceilings) / nullif(sum(n_from) filter (where ceilings is not null), 0) as pct_ceiling,
        sum(between_halves) / nullif(sum(n_from) filter (where between_halves is not null), 0) as pct_between_halves
    from counts
    group by model_family, step_from, step_to, scope
)

select * from pooled
order by model_family, step_from, scope
