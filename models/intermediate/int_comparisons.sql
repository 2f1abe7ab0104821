with

run_measures as (
    select * from {{ ref('int_run_measures') }}
),

speaking_runs as (
    select * from {{ ref('int_speaking_runs') }}
),

relations as (
    select
        run_measures.model,
        run_measures.run,
        split_part(run_measures.measure, ':', 2) as site,
        split_part(run_measures.measure, ':', 3) as relation,
        speaking_runs.run is not null as is_speaking
    from run_measures
    left join speaking_runs
        on
            run_measures.model = speaking_runs.model
            and run_measures.measure = speaking_runs.measure
            and run_measures.run = speaking_runs.run
    where starts_with(run_measures.measure, 'correlation:')
),

named as (
    select
        *,
        case when relation in ('seed', 'step', 'size') then relation || 's' else relation end as partners
    from relations
),

comparisons as (
    select
        named.model,
        named.run,
        named.site,
        named.relation,
        named.is_speaking,
        coalesce(own_moments.measured_in, speaking_moments.measured_in) as moments_run,
        case when named.is_speaking then named.partners else named.partners || '@' || named.run end as comparison
    from named
    left join run_measures as own_moments
        on
            named.model = own_moments.model
            and named.run = own_moments.run
            and own_moments.measure = 'moments'
    left join speaking_runs as speaking_moments
        on
            named.model = speaking_moments.model
            and speaking_moments.measure = 'moments'
)

select * from comparisons
