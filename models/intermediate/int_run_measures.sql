with

runs as (
    select * from {{ ref('stg_raw__runs') }}
),

models as (
    select * from {{ ref('stg_raw__models') }}
),

holding as (
    select
        run,
        model,
        'weights' as measure
    from {{ ref('stg_raw__weights') }}
    group by run, model
    union all
    select
        run,
        model,
        'moments' as measure
    from {{ ref('stg_raw__moments') }}
    group by run, model
    union all
    select
        run,
        model,
        'features' as measure
    from {{ ref('stg_raw__explained') }}
    where variable = 'token'
    group by run, model
),

sites as (
    select * from {{ ref('stg_raw__sites') }}
),

pairs as (
    select * from {{ ref('stg_raw__pairs') }}
),

experiments as (
    select * from {{ ref('stg_raw__experiments') }}
),

-- A run that extends another one has the rows of that one's models without copies of them.
measured as (
    select
        models.model,
        holding.measure,
        models.run,
        holding.run as measured_in
    from models
    inner join holding
        on
            models.measured_in = holding.run
            and models.model = holding.model
    union all
    select distinct
        pairs.model,
        'correlation:' || sites.site || ':' || pairs.relation as measure,
        pairs.run,
        pairs.run as measured_in
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
        experiments.run,
        experiments.run as measured_in
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
        measured.measured_in,
        runs.finished_at
    from measured
    inner join runs on measured.run = runs.run
    where runs.status = 'finished'
)

select * from finished
