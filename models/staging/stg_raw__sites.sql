with

raw as (
    select * from {{ source('raw', 'sites') }}
),

typed as (
    select
        run,
        site,
        model,
        n_layers::smallint as n_layers,
        width::integer as width
    from raw
)

select * from typed
