with

raw as (
    select * from {{ source('raw', 'attention_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        head::smallint as head,
        sequence::integer as sequence,
        n::smallint as n,
        attention
    from raw
)

select * from typed
