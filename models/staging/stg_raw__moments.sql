with

raw as (
    select * from {{ source('raw', 'moments') }}
),

typed as (
    select
        run,
        part::integer as part,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        stratum,
        n::bigint as n,
        n_positive::bigint as n_positive,
        pre_shift,
        pre_sum_1,
        pre_sum_2,
        pre_sum_3,
        pre_sum_4,
        pre_min,
        pre_max,
        post_shift,
        post_sum_1,
        post_sum_2,
        post_sum_3,
        post_sum_4,
        post_min,
        post_max
    from raw
)

select * from typed
