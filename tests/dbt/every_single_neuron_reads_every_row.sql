-- A finished experiment has each fixed value and each path on each of its rows, over the same positions.
with

finished as (
    select
        run,
        n_positions
    from {{ ref('stg_raw__runs') }}
    where status = 'finished'
),

n_rows as (
    select
        run,
        count(*) as n_rows
    from {{ ref('stg_raw__experiment_sequences') }}
    group by run
),

expected as (
    select
        run,
        model,
        'edit ' || edit as what
    from {{ ref('stg_raw__entropy_edits') }}
    union all
    select
        run,
        model,
        'path ' || path as what
    from {{ ref('stg_raw__head_paths') }}
),

found as (
    select
        run,
        model,
        'edit ' || edit as what,
        count(*) as n_rows,
        sum(n) as n_positions
    from {{ ref('stg_raw__entropy_sums') }}
    group by run, model, edit
    union all
    select
        run,
        model,
        'path ' || path as what,
        count(distinct sequence) as n_rows,
        sum(n) as n_positions
    from {{ ref('stg_raw__path_sums') }}
    group by run, model, path
),

differing as (
    select
        expected.*,
        found.n_rows,
        found.n_positions
    from expected
    inner join finished on expected.run = finished.run
    inner join n_rows on expected.run = n_rows.run
    left join found
        on
            expected.run = found.run
            and expected.model = found.model
            and expected.what = found.what
    where
        coalesce(found.n_rows, 0) <> n_rows.n_rows
        or found.n_positions <> finished.n_positions
)

select * from differing
