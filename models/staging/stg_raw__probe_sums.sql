with

raw as (
    select * from {{ source('raw', 'probe_sums') }}
),

typed as (
    select
        run,
        model,
        probe::integer as probe,
        sequence::integer as sequence,
        n::integer as n,
        n_right::integer as n_right
    from raw
)

select * from typed
