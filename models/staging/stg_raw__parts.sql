with

raw as (
    select * from {{ source('raw', 'parts') }}
),

typed as (
    select
        run,
        part::integer as part,
        first_row::bigint as first_row,
        last_row::bigint as last_row,
        state_file,
        state_hash,
        done_at
    from raw
)

select * from typed
