-- Every run: what was read, how it was correlated, how far it is. A corpus on disk is named without its folder.
with

runs as (
    select
        run,
        study,
        kind,
        status,
        is_speaking,
        n_models,
        method,
        n_tokens,
        n_positions,
        n_documents,
        case
            when corpus like 'hf:%' then corpus else regexp_replace(corpus, '^(\w+:)?.*/', '\1')
        end as corpus,
        parts_done,
        n_parts * coalesce(n_passes, 1) as n_parts,
        device,
        dtype,
        started_at,
        finished_at,
        version
    from marts.runs
)

select * from runs
order by started_at desc, run asc
