with

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished' and {{ of_new_runs('run') }}
),

parts as (
    select * from {{ ref('stg_raw__parts') }}
    where pass = 0
),

moments as (
    select * from {{ ref('stg_raw__moments') }}
    where list_contains({{ var('moment_strata') }}, stratum)
),

-- The shifts are constant per run and neuron, so the sums add over parts and strata.
halves as (
    select
        moments.run,
        moments.model,
        moments.layer,
        moments.neuron,
        case when parts.doc_group < 8 then 'first' else 'second' end as half,
        sum(moments.n)::bigint as n,
        sum(moments.n_positive)::bigint as n_positive,
        any_value(moments.pre_shift) as pre_shift,
        sum(moments.pre_sum_1) as pre_sum_1,
        sum(moments.pre_sum_2) as pre_sum_2,
        sum(moments.pre_sum_3) as pre_sum_3,
        sum(moments.pre_sum_4) as pre_sum_4
    from moments
    inner join parts
        on
            moments.run = parts.run
            and moments.part = parts.part
    semi join runs on moments.run = runs.run
    group by
        moments.run,
        moments.model,
        moments.layer,
        moments.neuron,
        half
)

select * from halves
