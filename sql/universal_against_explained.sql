-- Are universal neurons explained more often than the others?
-- $model: name of a model; all models without it
with

cells as (
    select * from marts.explained_universality
    where $model::varchar is null or model = $model::varchar
),

listed as (
    select
        model,
        is_universal,
        is_explained,
        n_neurons,
        pct_neurons
    from cells
)

select * from listed
order by model asc, is_universal desc, is_explained desc
