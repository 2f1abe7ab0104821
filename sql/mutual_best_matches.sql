-- Which pairs of neurons of two models are each other's best match?
-- $model: name of a model; without it, each pair of models is listed from one side
-- $other_model: name of the partner model; all partners without it
with

partners as (
    select * from marts.neuron_partners
),

mutual as (
    select
        model,
        layer,
        neuron,
        other_model,
        other_layer,
        other_neuron,
        max_corr,
        baseline,
        max_corr - baseline as excess_corr,
        relation
    from partners
    where
        is_mutual
        and (model = $model::varchar or ($model::varchar is null and model <= other_model))
        and ($other_model::varchar is null or other_model = $other_model::varchar)
)

select * from mutual
order by max_corr desc, model asc, layer asc, neuron asc, other_model asc
