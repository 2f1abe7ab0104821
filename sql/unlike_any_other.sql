-- Which neurons are like no neuron of any other model: the lowest correlation even with their best partner?
-- $model: name of a model; all models without it
-- $n: how many neurons; 50 without it
with

neurons as (
    select * from marts.neurons
    where $model::varchar is null or model = $model::varchar
),

unlike as (
    select
        model,
        layer,
        neuron,
        max_corr,
        mean_corr,
        mean_baseline,
        excess_corr,
        n_partners,
        support
    from neurons
    where max_corr is not null and not is_dead
    qualify
        row_number() over (order by max_corr asc, model asc, layer asc, neuron asc) <= coalesce($n::integer, 50)
)

select * from unlike
order by max_corr, model, layer, neuron
