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

sites as (
    select * from {{ ref('stg_raw__sites') }}
),

pairs as (
    select * from {{ ref('stg_raw__pairs') }}
),

explained as (
    select * from {{ ref('stg_raw__explained') }}
    where variable = 'token'
),

experiments as (
    select * from {{ ref('stg_raw__experiments') }}
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
        'features' as measure,
        run
    from explained
    union all
    select distinct
        pairs.model,
        'correlation:' || sites.site || ':' || pairs.relation as measure,
        pairs.run
    from pairs
    inner join sites
        on
            pairs.run = sites.run
            and pairs.model = sites.model
    union all
    select
        experiments.model,
        'experiment:' || experiments.kind || ':' || coalesce(experiments.neurons, '')
        || coalesce(':' || others.model, '') as measure,
        experiments.run
    from experiments
    left join experiments as others
        on
            experiments.run = others.run
            and experiments.model <> others.model
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
