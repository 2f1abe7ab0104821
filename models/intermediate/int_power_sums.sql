with

activation_sums as (
    select * from {{ ref('int_activation_sums') }}
),

activation_halves as (
    select * from {{ ref('int_activation_halves') }}
),

vocabulary_sums as (
    select * from {{ ref('stg_raw__vocabulary_sums') }}
),

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished'
),

power_sums as (
    select
        run,
        model,
        layer,
        neuron,
        'pre' as quantity,
        n,
        pre_shift as shift,
        pre_sum_1 as sum_1,
        pre_sum_2 as sum_2,
        pre_sum_3 as sum_3,
        pre_sum_4 as sum_4
    from activation_sums
    union all
    select
        run,
        model,
        layer,
        neuron,
        'post' as quantity,
        n_text as n,
        post_shift as shift,
        post_sum_1 as sum_1,
        post_sum_2 as sum_2,
        post_sum_3 as sum_3,
        post_sum_4 as sum_4
    from activation_sums
    union all
    select
        run,
        model,
        layer,
        neuron,
        'pre_' || half as quantity,
        n,
        pre_shift as shift,
        pre_sum_1 as sum_1,
        pre_sum_2 as sum_2,
        pre_sum_3 as sum_3,
        pre_sum_4 as sum_4
    from activation_halves
    union all
    select
        run,
        model,
        layer,
        neuron,
        effect as quantity,
        n,
        0 as shift,
        sum_1,
        sum_2,
        sum_3,
        sum_4
    from vocabulary_sums
    where run in (select runs.run from runs)
)

select * from power_sums
