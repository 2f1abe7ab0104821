-- Does a neuron's best partner in another seed have the same family?
-- $model: name of a model; all models without it
with

stability as (
    select * from marts.family_stability
    where $model::varchar is null or model = $model::varchar
),

means as (
    select
        model,
        family,
        sum(n_neurons) as n_pairs,
        100 * sum(n_same) / sum(n_neurons) as pct_same,
        avg(pct_by_chance order by other_model asc) as pct_by_chance,
        avg(pct_same_feature order by other_model asc) as pct_same_feature
    from stability
    group by model, family
)

select * from means
order by model asc, pct_same desc, family asc
