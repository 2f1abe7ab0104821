with

raw as (
    select * from {{ source('raw', 'runs') }}
),

typed as (
    select
        run,
        parent,
        study,
        kind,
        status,
        plan,
        device,
        dtype,
        method,
        method_reason,
        buckets::bigint as buckets,
        sketch_seed,
        pilot_tokens::bigint as pilot_tokens,
        n_candidates,
        n_passes::smallint as n_passes,
        peak_memory::bigint as peak_memory,
        n_parts::integer as n_parts,
        n_tokens::bigint as n_tokens,
        n_positions::bigint as n_positions,
        n_documents::bigint as n_documents,
        parity_error,
        tokens_fingerprint,
        baseline_draws::smallint as baseline_draws,
        started_at,
        finished_at,
        version,
        threads::smallint as threads
    from raw
)

select * from typed
