-- Which models are here: how deep and wide, with which vocabulary, activation and seed?
-- Source: Gurnee et al. 2024, Table 1; Lad et al. 2024, Table 2
-- $model: name of a model; all models without it
with

models as (
    select
        model,
        model_family,
        seed,
        step,
        architecture,
        n_layers,
        d_model,
        d_mlp,
        n_neurons,
        d_vocab,
        activation,
        is_gated,
        norm,
        source
    from marts.models
    where $model::varchar is null or model = $model::varchar
)

select * from models
order by model
