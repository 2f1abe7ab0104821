-- Which neurons write most into what the unembedding hardly reads, as entropy neurons do?
-- $model: name of a model; all models without it
-- $n: neurons; without it, 20
with

roles as (
    select * from marts.neuron_roles
    where
        role = 'entropy'
        and ($model::varchar is null or model = $model::varchar)
),

listed as (
    select
        roles.model,
        roles.layer,
        roles.neuron,
        roles.passes,
        roles.passes_published,
        roles.score,
        roles.null_quantile,
        neurons.w_out_norm,
        neurons.vocab_var,
        neurons.logit_var,
        neurons.null_share_02,
        neurons.null_share_10,
        neurons.is_universal
    from roles
    inner join marts.neurons as neurons
        on
            roles.model = neurons.model
            and roles.layer = neurons.layer
            and roles.neuron = neurons.neuron
)

select * from listed
order by passes desc, score desc, model asc, layer asc, neuron asc
limit coalesce($n::integer, 20)
