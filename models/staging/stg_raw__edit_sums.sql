with

raw as (
    select * from {{ source('raw', 'edit_sums') }}
),

typed as (
    select
        run,
        model,
        edit::integer as edit,
        sequence::integer as sequence,
        n::smallint as n,
        loss,
        entropy,
        kl,
        n_same_top::smallint as n_same_top,
        n_right::smallint as n_right,
        class_n::smallint[] as class_n,
        class_loss
    from raw
)

select * from typed
