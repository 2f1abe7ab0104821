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

probes as (
    select
        run,
        avg(bias) as bias,
        sqrt(avg(sd ** 2)) as sd,
        max(max_error) as max_error
    from {{ ref('stg_raw__probes') }}
    group by run
),

models as (
    select
        run,
        count(*) as n_models
    from (
        select
            run,
            model
        from {{ ref('stg_raw__models') }}
        union all
        select
            run,
            model
        from {{ ref('stg_raw__experiments') }}
        union all
        select
            run,
            model
        from {{ ref('stg_raw__imports') }}
        union all
        select
            run,
            model
        from {{ ref('stg_raw__simulations') }}
    )
    group by run
),

speaking_runs as (
    select run from {{ ref('int_speaking_runs') }}
    union
    select measured_in from {{ ref('int_compared_pairs') }}
    where is_speaking
    union
    select measured_in from {{ ref('int_speaking_runs') }}
    union
    select run from {{ ref('stg_raw__imports') }}
    union
    select run from runs
    where kind = 'simulated' and status = 'finished'
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
        runs.n_passes,
        coalesce(parts.parts_done, 0)::integer as parts_done,
        coalesce(models.n_models, 0)::integer as n_models,
        runs.device,
        runs.dtype,
        runs.method,
        runs.method_reason,
        runs.buckets,
        runs.sketch_seed,
        runs.pilot_tokens,
        runs.n_candidates,
        probes.bias as probe_bias,
        probes.sd as probe_sd,
        probes.max_error as probe_max_error,
        runs.peak_memory,
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
    left join probes on runs.run = probes.run
    left join models on runs.run = models.run
    left join speaking_runs on runs.run = speaking_runs.run
    order by runs.started_at, runs.run
)

select * from described
