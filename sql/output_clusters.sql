-- Which neurons act on the same tokens, in the same direction?
-- $model: name of a model; all models without it
-- $at_least: neurons that a cluster has at least; 2 without it
with

clusters as (
    select * from marts.output_clusters
    where
        ($model::varchar is null or model = $model::varchar)
        and n_neurons >= coalesce($at_least::integer, 2)
),

listed as (
    select
        model,
        feature,
        feature_kind,
        action,
        n_neurons,
        n_universal,
        mean_reduction,
        layers,
        array_slice(neurons, 1, 8) as strongest
    from clusters
)

select * from listed
order by model asc, n_neurons desc, feature asc, action asc
