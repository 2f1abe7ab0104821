with

experiments as (
    select * from {{ ref('stg_raw__experiments') }}
),

speaking_runs as (
    select * from {{ ref('int_speaking_runs') }}
    where starts_with(measure, 'experiment:')
),

speaking as (
    select
        experiments.run,
        experiments.model,
        experiments.kind,
        experiments.neurons,
        experiments.selection
    from experiments
    inner join speaking_runs
        on
            experiments.run = speaking_runs.run
            and experiments.model = speaking_runs.model
)

select * from speaking
