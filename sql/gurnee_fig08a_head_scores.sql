-- How strongly do neurons turn later heads to BOS or away from it, beside random directions?
-- Source: Gurnee et al. 2024, Figure 8a (the tails: the warehouse keeps the strongest heads of each neuron)
-- $model: name of a model; all models without it
-- $width: of a bin; 0.25 without it
with

scores as (
    select
        model,
        rank,
        score,
        null_quantile,
        coalesce($width::double, 0.25) as width,
        floor(score / width) as bin
    from marts.neuron_heads
    where
        kind = 'bos'
        and ($model::varchar is null or model = $model::varchar)
),

ranks as (
    select
        model,
        rank,
        max(abs(score)) as largest,
        max(null_quantile) as null_quantile
    from scores
    group by model, rank
),

-- A pair that is not kept scores less than the last one of its neuron that is.
bounds as (
    select
        model,
        max_by(largest, rank) as complete_beyond,
        max(null_quantile) as null_quantile
    from ranks
    group by model
),

bins as (
    select
        scores.model,
        round(scores.bin * scores.width, 6) as bin_low,
        round((scores.bin + 1) * scores.width, 6) as bin_high,
        count(*)::integer as n_pairs,
        least(abs(bin_low), abs(bin_high)) >= bounds.complete_beyond as is_complete,
        bounds.null_quantile as largest_null_quantile
    from scores
    inner join bounds on scores.model = bounds.model
    group by scores.model, scores.width, scores.bin, bounds.complete_beyond, bounds.null_quantile
)

select * from bins
order by model, bin_low
