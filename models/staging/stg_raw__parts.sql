with

raw as (
    select * from {{ source('raw', 'parts') }}
),

typed as (
    select
        run,
        pass::smallint as pass,
        part::integer as part,
        doc_group::smallint as doc_group,
        n_rows::bigint as n_rows,
        state_file,
        state_hash,
        done_at
    from raw
)

select * from typed
