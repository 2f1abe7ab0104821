-- Without a row in sites, what was correlated in a model would be in no mart.
with

sites as (
    select distinct
        run,
        model
    from {{ ref('stg_raw__sites') }}
),

missing as (
    select
        pairs.run,
        pairs.model
    from {{ ref('stg_raw__pairs') }} as pairs
    inner join {{ ref('stg_raw__runs') }} as runs on pairs.run = runs.run
    left join sites
        on
            pairs.run = sites.run
            and pairs.model = sites.model
    where runs.status = 'finished' and sites.run is null
)

select * from missing
