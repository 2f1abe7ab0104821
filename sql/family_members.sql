-- Which neurons are of a family, the strongest first, and what do they fire at?
-- $model: name of a model; all models without it
-- $family: unigram, alphabet, previous_token, position, syntax, semantic or none; all but none without it
with

members as (
    select * from marts.neuron_families
    where
        ($model::varchar is null or model = $model::varchar)
        and family = coalesce($family::varchar, family)
        and ($family::varchar is not null or family <> 'none')
),

evidence as (
    select
        model,
        layer,
        neuron,
        family,
        feature,
        lag,
        strength,
        heldout_strength,
        runner_up_feature,
        runner_up_strength,
        is_universal
    from members
)

select * from evidence
order by strength desc nulls last, model asc, layer asc, neuron asc
