with

raw as (
    select * from {{ source('raw', 'null_shares') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        logit_var,
        part_02,
        part_05,
        part_10
    from raw
)

select * from typed
