with

raw as (
    select * from {{ source('raw', 'simulations') }}
),

typed as (
    select
        run,
        model,
        weights_hash,
        strength,
        noise,
        simulation_seed
    from raw
)

select * from typed
