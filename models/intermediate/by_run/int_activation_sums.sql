with

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished' and {{ of_new_runs('run') }}
),

moments as (
    select * from {{ ref('stg_raw__moments') }}
),

marked as (
    select
        *,
        list_contains({{ var('moment_strata') }}, stratum) as is_chosen,
        stratum = 'text' as is_text
    from moments
    where run in (select runs.run from runs)
),

-- The shifts are constant per run and neuron, so the sums add over parts and strata.
pooled as (
    select
        run,
        model,
        layer,
        neuron,
        (sum(n) filter (where is_chosen))::bigint as n,
        (sum(n_positive) filter (where is_chosen))::bigint as n_positive,
        any_value(pre_shift) as pre_shift,
        sum(pre_sum_1) filter (where is_chosen) as pre_sum_1,
        sum(pre_sum_2) filter (where is_chosen) as pre_sum_2,
        sum(pre_sum_3) filter (where is_chosen) as pre_sum_3,
        sum(pre_sum_4) filter (where is_chosen) as pre_sum_4,
        (sum(n) filter (where is_text))::bigint as n_text,
        any_value(post_shift) as post_shift,
        sum(post_sum_1) filter (where is_text) as post_sum_1,
        sum(post_sum_2) filter (where is_text) as post_sum_2,
        sum(post_sum_3) filter (where is_text) as post_sum_3,
        sum(post_sum_4) filter (where is_text) as post_sum_4,
        max(post_max) filter (where is_text and n > 0) as post_max,
        min(post_min) filter (where is_text and n > 0) as post_min
    from marked
    group by run, model, layer, neuron
),

-- Correlations are over text: a neuron is dead if it is constant there, or so nearly that no variance is left.
judged as (
    select
        *,
        post_max = post_min or post_sum_2 / nullif(n_text, 0) <= (post_sum_1 / nullif(n_text, 0)) ** 2 as is_dead
    from pooled
)

select * from judged
