with

run_measures as (
    select * from {{ ref('int_run_measures') }}
    where starts_with(measure, 'correlation:')
),

speaking_runs as (
    select * from {{ ref('int_speaking_runs') }}
),

relations as (
    select
        run_measures.model,
        run_measures.run,
        split_part(run_measures.measure, ':', 2) as relation,
        speaking_runs.run is not null as is_speaking
    from run_measures
    left join speaking_runs
        on
            run_measures.model = speaking_runs.model
            and run_measures.measure = speaking_runs.measure
            and run_measures.run = speaking_runs.run
),

named as (
    select
        *,
        case when relation in ('seed', 'step', 'size') then relation || 's' else relation end as partners
    from relations
),

comparisons as (
    select
        model,
        run,
        relation,
        is_speaking,
        case when is_speaking then partners else partners || '@' || run end as comparison
    from named
)

select * from comparisons
