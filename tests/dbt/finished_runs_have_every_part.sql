-- The ledger of a finished run holds every part of every pass once, numbered from 0.
with

counted as (
    select
        run,
        count(*) as n_parts,
        max(part) + 1 as n_numbers
    from {{ ref('stg_raw__parts') }}
    group by run
),

differing as (
    select
        runs.run,
        runs.n_parts,
        runs.n_passes,
        counted.n_parts as n_done
    from {{ ref('stg_raw__runs') }} as runs
    left join counted on runs.run = counted.run
    where
        runs.status = 'finished'
        and (
            coalesce(counted.n_parts, 0) <> runs.n_parts * coalesce(runs.n_passes, 1)
            or coalesce(counted.n_numbers, 0) <> runs.n_parts
        )
)

select * from differing
