with

raw as (
    select * from {{ source('raw', 'experiment_sequences') }}
),

typed as (
    select
        run,
        sequence::integer as sequence,
        document,
        doc_group::smallint as doc_group,
        path
    from raw
)

select * from typed
