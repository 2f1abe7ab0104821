-- A run id in the var `runs` that is misspelt or unfinished would silence everything without a word.
with

chosen as (
    select unnest({{ var('runs') }}::varchar[]) as run
),

unknown as (
    select chosen.run
    from chosen
    left join {{ ref('stg_raw__runs') }} as runs
        on
            chosen.run = runs.run
            and runs.status = 'finished'
    where runs.run is null
)

select * from unknown
