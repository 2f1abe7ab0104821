with

raw as (
    select * from {{ source('raw', 'weights') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        w_in_norm,
        w_up_norm,
        w_out_norm,
        input_bias,
        in_out_sim,
        up_out_sim
    from raw
)

select * from typed
