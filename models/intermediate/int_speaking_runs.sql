with

run_measures as (
    select * from {{ ref('int_run_measures') }}
),

allowed as (
    select * from run_measures
    where len({{ var('runs') }}::varchar[]) = 0 or list_contains({{ var('runs') }}::varchar[], run)
),

latest as (
    select
        model,
        measure,
        run,
        measured_in
    from allowed
    qualify row_number() over (partition by model, measure order by finished_at desc, run desc) = 1
)

select * from latest
