-- What was run, on how much text, and how far is it?
-- $status: running or finished; both without it
with

runs as (
    select
        run,
        study,
        kind,
        status,
        is_speaking,
        parts_done,
        n_parts,
        n_passes,
        n_models,
        n_tokens,
        n_documents,
        method,
        method_reason,
        baseline_draws,
        device,
        dtype,
        parity_error,
        started_at,
        finished_at
    from marts.runs
    where $status::varchar is null or status = $status::varchar
)

select * from runs
order by started_at, run
