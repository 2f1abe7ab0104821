with

raw as (
    select * from {{ source('raw', 'head_value_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        head::smallint as head,
        sequence::integer as sequence,
        n::smallint as n,
        attention,
        bos_norm,
        other_norm
    from raw
)

select * from typed
