with

raw as (
    select * from {{ source('raw', 'imports') }}
),

typed as (
    select
        run,
        model,
        model_family,
        seed,
        n_layers::smallint as n_layers,
        d_mlp::integer as d_mlp,
        file,
        file_hash,
        n_rows::bigint as n_rows,
        columns,
        excess_bound
    from raw
)

select * from typed
