with

raw as (
    select * from {{ source('raw', 'corpora') }}
),

typed as (
    select
        run,
        source,
        split,
        part,
        revision,
        context::integer as context,
        bos,
        sample,
        sample_seed,
        n_rows::bigint as n_rows,
        n_tokens::bigint as n_tokens,
        n_text::bigint as n_text,
        n_newline::bigint as n_newline,
        n_bos::bigint as n_bos,
        n_documents::bigint as n_documents,
        n_skipped::bigint as n_skipped,
        tokenizer_hash,
        tokens_fingerprint,
        python_version
    from raw
)

select * from typed
