-- The neurons behind a bar of the excess correlation's distribution, the most universal first.
-- $comparison: who the partners are, such as seeds
-- $model: name of a model
-- $layer: block, from 0; all layers without it
-- $is_universal: whether they are universal
-- $low: excess correlation from
-- $high: excess correlation below
-- $n: neurons at most
with

neurons as (
    select
        model,
        layer,
        neuron,
        excess_corr,
        excess_se,
        mean_corr,
        mean_baseline,
        universal_call,
        support
    from marts.neuron_universality
    where
        comparison = $comparison::varchar
        and model = $model::varchar
        and ($layer::integer is null or layer = $layer::integer)
        and is_universal = $is_universal::boolean
        and excess_corr >= $low::double
        and excess_corr < $high::double
        and not is_dead
)

select * from neurons
order by excess_corr desc, layer asc, neuron asc
limit $n::integer
