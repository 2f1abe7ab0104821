-- The neurons of one cell: universal or not, explained by a family or not.
-- $model: name of a model
-- $is_universal: whether they are universal
-- $is_explained: whether they have a family
-- $n: neurons at most
with

families as (
    select * from marts.neuron_families
    where
        model = $model::varchar
        and is_universal = $is_universal::boolean
        and (family <> 'none') = $is_explained::boolean
),

neurons as (
    select * from marts.neurons
    where model = $model::varchar
),

listed as (
    select
        families.model,
        families.layer,
        families.neuron,
        neurons.excess_corr,
        families.family,
        families.feature,
        families.strength,
        families.largest_score,
        neurons.role
    from families
    inner join neurons
        on
            families.model = neurons.model
            and families.layer = neurons.layer
            and families.neuron = neurons.neuron
)

select * from listed
order by excess_corr desc nulls last, layer asc, neuron asc
limit $n::integer
