-- How many neurons have which excess correlation? Bins have a width of 0.02.
-- $comparison: who the partners are, such as seeds
-- $model: name of a model; all of the comparison without it
-- $layer: block, from 0; all layers without it
with

neurons as (
    select
        model,
        is_universal,
        floor(excess_corr / 0.02)::integer as bin
    from marts.neuron_universality
    where
        comparison = $comparison::varchar
        and ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and excess_corr is not null
        and not is_dead
),

bins as (
    select
        model,
        is_universal,
        bin * 0.02::double as low,
        (bin + 1) * 0.02::double as high,
        count(*) as n_neurons
    from neurons
    group by model, is_universal, bin
)

select * from bins
order by model, low
