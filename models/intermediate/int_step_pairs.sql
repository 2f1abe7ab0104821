with

models as (
    select * from {{ ref('models') }}
    where seed is not null and step is not null
),

compared as (
    select
        model,
        any_value(run) as run
    from {{ ref('int_comparison_scores') }}
    where comparison = 'seeds' and excess_corr is not null
    group by model
),

-- A checkpoint that was measured under two names counts once.
checkpoints as (
    select
        models.model_family,
        models.seed,
        models.step,
        models.model,
        compared.run
    from models
    inner join compared on models.model = compared.model
    qualify
        row_number() over (
            partition by models.model_family, models.seed, models.step
            order by models.model
        ) = 1
),

successive as (
    select
        model_family,
        seed,
        step as step_from,
        lead(step) over checkpoint as step_to,
        model as model_from,
        lead(model) over checkpoint as model_to,
        run as run_from,
        lead(run) over checkpoint as run
    from checkpoints
    window checkpoint as (partition by model_family, seed order by step)
)

select * from successive
where model_to is not null
