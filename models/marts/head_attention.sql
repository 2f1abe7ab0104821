with

experiments as (
    select * from {{ ref('int_experiments') }}
),

attention_sums as (
    select * from {{ ref('stg_raw__attention_sums') }}
),

offsets as (
    select
        attention_sums.run,
        attention_sums.model,
        attention_sums.layer,
        attention_sums.head,
        attention_sums.sequence,
        attention_sums.n,
        unnest([1, 2, 3, 4, 5]) as position_before,
        unnest(attention_sums.attention::double[]) as attention
    from attention_sums
    inner join experiments
        on
            attention_sums.run = experiments.run
            and attention_sums.model = experiments.model
),

heads as (
    select
        model,
        layer,
        head,
        position_before::smallint as position_before,
        sum(n)::bigint as n_positions,
        sum(attention order by sequence) / sum(n) as attention,
        any_value(run) as run
    from offsets
    group by model, layer, head, position_before
    having sum(n) > 0
)

select * from heads
order by model, layer, head, position_before
