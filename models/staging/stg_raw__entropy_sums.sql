with

raw as (
    select * from {{ source('raw', 'entropy_sums') }}
),

typed as (
    select
        run,
        model,
        edit::integer as edit,
        sequence::integer as sequence,
        n::smallint as n,
        scale,
        loss,
        entropy,
        reciprocal_rank,
        absolute_loss,
        frequency_kl
    from raw
)

select * from typed
