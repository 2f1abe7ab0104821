-- Do neurons keep themselves and their best partners from one checkpoint to the next, universal ones and others?
-- $model_family: name of a family of models; all families without it
with

steps as (
    select
        model_family,
        seed,
        step_from,
        step_to,
        scope,
        n_from,
        self_corr_universal,
        self_corr_rest,
        pct_self_known,
        pct_partners_kept_universal,
        pct_partners_kept_rest,
        excess_rank_corr
    from marts.persistence
    where $model_family::varchar is null or model_family = $model_family::varchar
)

select * from steps
order by model_family, seed, step_from, scope
