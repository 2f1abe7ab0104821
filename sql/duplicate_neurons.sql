-- Which neurons are nearly copies of another neuron of their model, or nearly its opposite?
-- $model: name of a model; all models without it
-- $side: top for duplicates, bottom for antipodal pairs; top without it
-- $n: neurons; without it, 20
with

neighbours as (
    select * from marts.neuron_neighbours
    where
        vector = 'out'
        and side = coalesce($side::varchar, 'top')
        and ($model::varchar is null or model = $model::varchar)
),

listed as (
    select
        model,
        layer,
        neuron,
        side,
        other_layer,
        other_neuron,
        cosine as out_cosine,
        other_cosine as in_cosine
    from neighbours
)

select * from listed
order by abs(out_cosine) desc, model asc, layer asc, neuron asc
limit coalesce($n::integer, 20)
