-- Which neurons are universal, the most universal first?
-- $model: name of a model; all models without it
-- $layer: block, from 0; all layers without it
with

neurons as (
    select * from marts.neurons
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
),

universal as (
    select
        model,
        layer,
        neuron,
        universal_call,
        excess_corr,
        mean_corr,
        mean_baseline,
        n_partners,
        support,
        skew,
        kurt,
        sparsity,
        vocab_kurt,
        family,
        role
    from neurons
    where is_universal
)

select * from universal
order by excess_corr desc, model asc, layer asc, neuron asc
