with

experiments as (
    select experiments.*
    from {{ ref('int_experiments') }} as experiments
    inner join {{ ref('stg_raw__runs') }} as runs on experiments.run = runs.run
    where experiments.kind = 'attention'
    -- Experiments on other neurons of a model measure the same heads: the latest one speaks.
    qualify
        row_number() over (partition by experiments.model order by runs.finished_at desc, experiments.run desc) = 1
),

sums as (
    select * from {{ ref('stg_raw__head_value_sums') }}
),

heads as (
    select
        sums.model,
        sums.layer,
        sums.head,
        count(*)::integer as n_sequences,
        sum(sums.n)::bigint as n_positions,
        sum(sums.attention order by sums.sequence) / sum(sums.n) as attention,
        avg(sums.bos_norm order by sums.sequence) as bos_norm,
        sum(sums.other_norm order by sums.sequence) / sum(sums.n) as other_norm,
        any_value(sums.run) as run
    from sums
    inner join experiments
        on
            sums.run = experiments.run
            and sums.model = experiments.model
    group by sums.model, sums.layer, sums.head
    having sum(sums.n) > 0
),

compared as (
    select
        model,
        layer,
        head,
        n_sequences,
        n_positions,
        attention,
        bos_norm,
        other_norm,
        other_norm / nullif(bos_norm, 0) as other_to_bos,
        run
    from heads
)

select * from compared
order by model, layer, head
