-- In which layers of the other seeds are the best partners of a layer, on average over seeds?
-- Source: Gurnee et al. 2024, Figures 2c, 12c and 13c
-- $model: name of a model; all models without it
with

matches as (
    select * from marts.layer_matches
    where
        relation = 'seed'
        and ($model::varchar is null or model = $model::varchar)
),

shares as (
    select
        model,
        layer,
        other_layer,
        100 * avg(share order by other_model) as pct_of_partners,
        min(100 * share) as pct_low,
        max(100 * share) as pct_high,
        count(share)::integer as n_partners
    from matches
    group by model, layer, other_layer
)

select * from shares
order by model, layer, other_layer
