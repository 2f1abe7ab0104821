-- The list of neurons comes from the weights, in runs that correlate too.
with

measured as (
    select
        run,
        model
    from {{ ref('stg_raw__moments') }}
    union
    select
        run,
        model
    from {{ ref('stg_raw__pairs') }}
),

weighed as (
    select distinct
        run,
        model
    from {{ ref('stg_raw__weights') }}
),

missing as (
    select measured.*
    from measured
    inner join {{ ref('stg_raw__runs') }} as runs on measured.run = runs.run
    inner join {{ ref('stg_raw__models') }} as models
        on
            measured.run = models.run
            and measured.model = models.model
    left join weighed
        on
            models.measured_in = weighed.run
            and models.model = weighed.model
    where runs.status = 'finished' and weighed.run is null
)

select * from missing
