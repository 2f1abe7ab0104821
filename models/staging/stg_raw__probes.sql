with

raw as (
    select * from {{ source('raw', 'probes') }}
),

typed as (
    select
        run,
        site,
        model,
        other_model,
        n::integer as n,
        bias,
        sd,
        max_error
    from raw
)

select * from typed
