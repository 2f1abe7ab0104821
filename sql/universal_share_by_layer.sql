-- Which share of each layer is universal?
-- $model: name of a model; all models without it
with

layers as (
    select * from marts.layer_universality
    where $model::varchar is null or model = $model::varchar
),

shares as (
    select
        model,
        layer,
        n_neurons,
        n_dead,
        n_universal,
        pct_universal,
        pct_low,
        pct_high,
        n_yes,
        n_undecided,
        mean_excess,
        n_partners
    from layers
    where n_universal is not null
)

select * from shares
order by model, layer
