with

raw as (
    select * from {{ source('raw', 'models') }}
),

typed as (
    select
        run,
        model,
        model_family,
        seed,
        step,
        source,
        revision,
        architecture,
        n_layers::smallint as n_layers,
        d_model::integer as d_model,
        d_mlp::integer as d_mlp,
        d_vocab::integer as d_vocab,
        activation,
        is_gated,
        norm,
        processing,
        weights_hash,
        tokenizer_hash,
        parity_error,
        coalesce(taken_from, run) as measured_in
    from raw
)

select * from typed
