-- Is the share of universal neurons smaller in larger models?
-- $model_family: name of a family of models; all families without it
with

universality as (
    select * from marts.universality
    where n_universal is not null
),

models as (
    select * from marts.models
    where $model_family::varchar is null or model_family = $model_family::varchar
),

shares as (
    select
        models.model_family,
        models.model,
        models.n_layers,
        models.d_model,
        models.d_mlp,
        models.n_neurons,
        -- Entries of the matrices into and out of the hidden layer; a gated MLP has two into it.
        case when models.is_gated then 3 else 2 end * models.d_model::bigint * models.n_neurons as n_mlp_weights,
        universality.n_universal,
        universality.pct_universal,
        universality.pct_low,
        universality.pct_high,
        universality.n_partners,
        runs.n_positions,
        models.source
    from universality
    inner join models on universality.model = models.model
    left join marts.runs as runs on universality.run = runs.run
)

select * from shares
order by n_neurons, model_family, model
