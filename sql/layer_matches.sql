-- At which depth of another model are the best matches of each layer?
-- $model: name of a model; all models without it
-- $other_model: name of the partner model; all partners without it
with

matches as (
    select
        model,
        other_model,
        layer,
        other_layer,
        n_best,
        share,
        mean_corr,
        relation
    from marts.layer_matches
    where
        ($model::varchar is null or model = $model::varchar)
        and ($other_model::varchar is null or other_model = $other_model::varchar)
)

select * from matches
order by model, other_model, layer, other_layer
