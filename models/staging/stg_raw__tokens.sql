with

raw as (
    select * from {{ source('raw', 'tokens') }}
),

typed as (
    select
        run,
        token_id::integer as token_id,
        piece,
        token,
        bytes,
        n::bigint as n
    from raw
)

select * from typed
