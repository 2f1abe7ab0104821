-- Which neurons have a role by what they write, the strongest first?
-- $model: name of a model; all models without it
-- $role: prediction, suppression, partition, entropy or attention; all without it
with

roles as (
    select * from marts.neuron_roles
    where
        passes
        and ($model::varchar is null or model = $model::varchar)
        and ($role::varchar is null or role = $role::varchar)
),

listed as (
    select
        model,
        layer,
        neuron,
        role,
        score,
        null_quantile,
        cutoff,
        passes_published
    from roles
)

select * from listed
order by role asc, score desc, model asc, layer asc, neuron asc
