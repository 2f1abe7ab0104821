with

models as (
    select * from {{ ref('stg_raw__models') }}
),

speaking_runs as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'weights'
),

described as (
    select
        models.model,
        models.model_family,
        models.seed,
        models.step,
        models.source,
        models.revision,
        models.architecture,
        models.n_layers,
        models.d_model,
        models.d_mlp,
        models.d_vocab,
        (models.n_layers::bigint * models.d_mlp)::integer as n_neurons,
        models.activation,
        models.is_gated,
        models.norm,
        models.processing,
        models.weights_hash,
        models.tokenizer_hash,
        models.parity_error,
        models.run
    from models
    inner join speaking_runs
        on
            models.run = speaking_runs.run
            and models.model = speaking_runs.model
    order by models.model
)

select * from described
