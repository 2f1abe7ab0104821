with

raw as (
    select * from {{ source('raw', 'stream_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        sequence::integer as sequence,
        n::smallint as n,
        stream_norm,
        attention_norm,
        mlp_norm
    from raw
)

select * from typed
