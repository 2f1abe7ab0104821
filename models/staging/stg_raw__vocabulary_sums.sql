with

raw as (
    select * from {{ source('raw', 'vocabulary_sums') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        effect,
        n::bigint as n,
        sum_1,
        sum_2,
        sum_3,
        sum_4
    from raw
)

select * from typed
