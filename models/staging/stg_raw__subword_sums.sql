with

raw as (
    select * from {{ source('raw', 'subword_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        head::smallint as head,
        sequence::integer as sequence,
        kind,
        n::integer as n,
        attention
    from raw
)

select * from typed
