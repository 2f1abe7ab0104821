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
),

imported as (
    select
        model,
        model_family,
        seed,
        null as step,
        'imported: ' || files as source,
        null as revision,
        null as architecture,
        n_layers,
        null as d_model,
        d_mlp,
        null as d_vocab,
        (n_layers::bigint * d_mlp)::integer as n_neurons,
        null as activation,
        null as is_gated,
        null as norm,
        null as processing,
        null as weights_hash,
        null as tokenizer_hash,
        null as parity_error,
        run
    from {{ ref('int_imported_models') }}
    where not is_ingested
),

shown as (
    select * from described
    union all
    select * from imported
)

select * from shown
order by model
