with

parts as (
    select * from {{ ref('stg_raw__parts') }}
    where pass = 0
),

explained as (
    select * from {{ ref('stg_raw__explained') }}
    where variable = 'token'
),

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished' and {{ of_new_runs('run') }}
),

moments as (
    select * from {{ ref('stg_raw__moments') }}
),

half_sums as (
    select
        moments.run,
        moments.model,
        moments.layer,
        moments.neuron,
        any_value(moments.post_shift) as post_shift,
        (sum(moments.n) filter (where parts.doc_group < 8))::bigint as n_a,
        coalesce(sum(moments.post_sum_1) filter (where parts.doc_group < 8), 0) as sum_a,
        coalesce(sum(moments.post_sum_2) filter (where parts.doc_group < 8), 0) as squares_a,
        (sum(moments.n) filter (where parts.doc_group >= 8))::bigint as n_b,
        coalesce(sum(moments.post_sum_1) filter (where parts.doc_group >= 8), 0) as sum_b,
        coalesce(sum(moments.post_sum_2) filter (where parts.doc_group >= 8), 0) as squares_b
    from moments
    inner join parts
        on
            moments.run = parts.run
            and moments.part = parts.part
    semi join explained
        on
            moments.run = explained.run
            and moments.model = explained.model
    semi join runs on moments.run = runs.run
    group by moments.run, moments.model, moments.layer, moments.neuron
),

scaled as (
    select
        *,
        coalesce(n_a, 0) + coalesce(n_b, 0) as n,
        sum_a + sum_b as total,
        squares_a + squares_b - (sum_a + sum_b) ** 2 / (coalesce(n_a, 0) + coalesce(n_b, 0)) as ss_total
    from half_sums
)

select * from scaled
