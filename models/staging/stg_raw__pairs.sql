with

raw as (
    select * from {{ source('raw', 'pairs') }}
),

typed as (
    select
        run,
        model,
        other_model,
        relation,
        coalesce(taken_from, run) as measured_in
    from raw
)

select * from typed
