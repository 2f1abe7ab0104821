-- How does the share of universal neurons change with the threshold and the amount of text?
-- $comparison: who the partners are, such as seeds
-- $model: name of a model; all without it
select
    model,
    threshold,
    n_positions,
    is_whole,
    n_universal,
    pct_universal,
    pct_low,
    pct_high
from marts.universality_curve
where
    comparison = $comparison::varchar
    and ($model::varchar is null or model = $model::varchar)
order by model, n_positions, threshold
