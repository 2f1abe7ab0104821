with

raw as (
    select * from {{ source('raw', 'path_sums') }}
),

typed as (
    select
        run,
        model,
        path::integer as path,
        sequence::integer as sequence,
        is_late,
        n::smallint as n,
        activation,
        attention,
        delta,
        norm,
        norm_without,
        ratio,
        sum_aa,
        sum_dd,
        sum_rr,
        sum_ad,
        sum_dr,
        sum_ar
    from raw
)

select * from typed
