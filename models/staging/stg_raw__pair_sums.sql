with

raw as (
    select * from {{ source('raw', 'pair_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        other_model,
        other_layer::smallint as other_layer,
        other_neuron::integer as other_neuron,
        control,
        kind,
        doc_group::smallint as doc_group,
        n::bigint as n,
        sum_x,
        sum_y,
        sum_xx,
        sum_yy,
        sum_xy
    from raw
)

select * from typed
