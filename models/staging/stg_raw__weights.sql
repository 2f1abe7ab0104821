with

raw as (
    select * from {{ source('raw', 'weights') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
        w_in_norm,
        w_up_norm,
        w_out_norm,
        input_bias,
        in_out_sim,
        up_out_sim
    from raw
)

select * from typed
