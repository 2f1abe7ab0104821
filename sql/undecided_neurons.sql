-- Of which neurons can these tokens not say whether they are universal, and what is missing?
-- $model: name of a model; all models without it
-- $layer: block, from 0; all layers without it
with

undecided as (
    select
        model,
        layer,
        neuron,
        excess_corr,
        excess_se,
        excess_low,
        excess_high,
        support,
        is_universal,
        n_partners,
        n_partners_above
    from marts.neuron_universality
    where
        comparison = 'seeds'
        and universal_call = 'undecided'
        and ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
)

select * from undecided
order by excess_corr desc, model asc, layer asc, neuron asc
