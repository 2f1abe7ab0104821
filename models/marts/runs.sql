with

runs as (
    select * from {{ ref('stg_raw__runs') }}
),

parts as (
    select
        run,
        count(*) as parts_done
    from {{ ref('stg_raw__parts') }}
    group by run
),

corpora as (
    select * from {{ ref('stg_raw__corpora') }}
),

models as (
    select
        run,
        count(*) as n_models
    from {{ ref('stg_raw__models') }}
    group by run
),

speaking_runs as (
    select distinct run from {{ ref('int_speaking_runs') }}
),

described as (
    select
        runs.run,
        runs.parent,
        runs.study,
        runs.kind,
        runs.status,
        speaking_runs.run is not null as is_speaking,
        runs.n_parts,
        coalesce(parts.parts_done, 0)::integer as parts_done,
        coalesce(models.n_models, 0)::integer as n_models,
        runs.device,
        runs.dtype,
        runs.method,
        runs.threads,
        runs.baseline_draws,
        runs.n_tokens,
        runs.n_positions,
        runs.n_documents,
        corpora.source as corpus,
        corpora.split,
        corpora.part,
        corpora.revision,
        corpora.context,
        corpora.bos,
        corpora.python_version,
        runs.parity_error,
        runs.tokens_fingerprint,
        runs.started_at,
        runs.finished_at,
        runs.version,
        runs.plan
    from runs
    left join parts on runs.run = parts.run
    left join corpora on runs.run = corpora.run
    left join models on runs.run = models.run
    left join speaking_runs on runs.run = speaking_runs.run
    order by runs.started_at, runs.run
)

select * from described
