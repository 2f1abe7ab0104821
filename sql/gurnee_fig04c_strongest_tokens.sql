-- At which tokens is a neuron most active on average, relative to the strongest one?
-- Source: Gurnee et al. 2024, Figure 4c
-- $model: name of a model; all models without it
-- $layer: block, from 0; all layers without it
-- $neuron: entry of the hidden vector, from 0; the three strongest semantic ones of those that are left without it
-- $n: tokens of each; 10 without it
-- $at_least: positions that a token is at; 1 without it
with

chosen as (
    select
        model,
        layer,
        neuron,
        family,
        feature
    from marts.neuron_families
    where
        ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
    qualify
        $neuron::integer is not null
        or row_number() over (
            order by family = 'semantic' desc nulls last, strength desc nulls last, model asc, layer asc, neuron asc
        ) <= 3
),

-- What is given is said again, so that it reaches the lists before they are taken apart.
means as (
    select * from marts.neuron_tokens
    where
        side = 'mean_activation'
        and n >= coalesce($at_least::integer, 1)
        and ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
        and ($neuron::integer is null or neuron = $neuron::integer)
),

tokens as (
    select
        tokens.model,
        tokens.layer,
        tokens.neuron,
        chosen.family,
        chosen.feature,
        row_number() over (
            partition by tokens.model, tokens.layer, tokens.neuron
            order by tokens.rank
        ) as rank,
        tokens.token,
        tokens.value as mean_activation,
        tokens.value
        / max(tokens.value) over (partition by tokens.model, tokens.layer, tokens.neuron) as relative_activation,
        tokens.n as n_positions
    from means as tokens
    inner join chosen
        on
            tokens.model = chosen.model
            and tokens.layer = chosen.layer
            and tokens.neuron = chosen.neuron
),

strongest as (
    select * from tokens
    where rank <= coalesce($n::integer, 10)
)

select * from strongest
order by model, layer, neuron, rank
