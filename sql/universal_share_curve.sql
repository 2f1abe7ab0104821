-- How does the share of universal neurons change with the threshold and with the amount of text?
-- $model: name of a model; all models without it
-- $threshold: one of the curve's thresholds; all of them without it
with

points as (
    select
        model,
        threshold,
        n_positions,
        pct_universal,
        pct_low,
        pct_high
    from marts.universality_curve
    where
        comparison = 'seeds'
        and ($model::varchar is null or model = $model::varchar)
        and ($threshold::double is null or threshold = $threshold::double)
)

select * from points
order by model, threshold, n_positions
