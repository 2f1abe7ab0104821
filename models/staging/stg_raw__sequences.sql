with

raw as (
    select * from {{ source('raw', 'sequences') }}
),

typed as (
    select
        run,
        sequence::integer as sequence,
        path,
        subset,
        token_ids::integer[] as token_ids
    from raw
)

select * from typed
