with

runs as (
    select * from {{ ref('stg_raw__runs') }}
),

weights as (
    select * from {{ ref('stg_raw__weights') }}
),

moments as (
    select * from {{ ref('stg_raw__moments') }}
),

pairs as (
    select * from {{ ref('stg_raw__pairs') }}
),

measured as (
    select distinct
        model,
        'weights' as measure,
        run
    from weights
    union all
    select distinct
        model,
        'moments' as measure,
        run
    from moments
    union all
    select distinct
        model,
        'correlation:' || relation as measure,
        run
    from pairs
),

finished as (
    select
        measured.model,
        measured.measure,
        measured.run,
        runs.finished_at
    from measured
    inner join runs on measured.run = runs.run
    where runs.status = 'finished'
)

select * from finished
