-- The neurons of a role with their scores, the strongest first.
-- $model: name of a model; all without it
-- $layer: block, from 0; all layers without it
-- $role: name of the role
-- $only_universal: whether to leave the others out
-- $n: neurons at most
with

roles as (
    select * from marts.neuron_roles
    where
        passes
        and role = $role::varchar
        and ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
),

members as (
    select
        roles.model,
        roles.layer,
        roles.neuron,
        roles.score,
        roles.null_quantile,
        roles.cutoff,
        roles.passes_published,
        neurons.vocab_skew,
        neurons.w_out_norm,
        neurons.is_universal,
        neurons.family
    from roles
    inner join marts.neurons as neurons
        on
            roles.model = neurons.model
            and roles.layer = neurons.layer
            and roles.neuron = neurons.neuron
)

select * from members
where is_universal or not coalesce($only_universal::boolean, false)
order by score desc, model asc, layer asc, neuron asc
limit $n::integer
