-- Which neurons does syntax explain beyond the token, the most first?
-- $model: name of a model; all models without it
-- $n: neurons; without it, 20
with

variables as (
    select * from marts.neuron_variables
    where
        variable = 'token_and_syntax'
        and ($model::varchar is null or model = $model::varchar)
),

scores as (
    select * from marts.neuron_family_scores
    where family = 'syntax'
),

neurons as (
    select
        variables.model,
        variables.layer,
        variables.neuron,
        variables.beyond_token,
        variables.beyond_token_by_chance,
        variables.eta_squared - variables.beyond_token as token_eta_squared,
        scores.feature,
        scores.lag,
        scores.heldout_score
    from variables
    left join scores
        on
            variables.model = scores.model
            and variables.layer = scores.layer
            and variables.neuron = scores.neuron
)

select * from neurons
order by beyond_token desc nulls last, model asc, layer asc, neuron asc
limit coalesce($n::integer, 20)
