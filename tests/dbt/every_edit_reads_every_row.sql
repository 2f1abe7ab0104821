-- A finished experiment has each of its edits on each of its rows once, over the same positions.
with

finished as (
    select run from {{ ref('stg_raw__runs') }}
    where status = 'finished'
),

expected as (
    select
        edits.run,
        edits.model,
        edits.edit,
        count(*) as n_rows
    from {{ ref('stg_raw__edits') }} as edits
    inner join {{ ref('stg_raw__experiment_sequences') }} as sequences on edits.run = sequences.run
    inner join finished on edits.run = finished.run
    group by edits.run, edits.model, edits.edit
),

found as (
    select
        run,
        model,
        edit,
        count(*) as n_rows,
        sum(n) as n_positions
    from {{ ref('stg_raw__edit_sums') }}
    group by run, model, edit
),

differing as (
    select
        expected.*,
        found.n_rows as n_found
    from expected
    left join found
        on
            expected.run = found.run
            and expected.model = found.model
            and expected.edit = found.edit
    left join {{ ref('stg_raw__runs') }} as runs on expected.run = runs.run
    where
        coalesce(found.n_rows, 0) <> expected.n_rows
        or found.n_positions <> runs.n_positions
)

select * from differing
