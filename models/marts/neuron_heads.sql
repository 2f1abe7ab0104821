with

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'weights'
),

nulls as (
    select * from {{ ref('stg_raw__head_nulls') }}
    where quantile = {{ var('role_null_share') }}
),

heads as (
    select
        heads.model,
        heads.layer,
        heads.neuron,
        heads.kind,
        heads.rank,
        heads.head_layer,
        heads.head,
        heads.score,
        case when heads.kind = 'bos' then heads.score * weights.w_out_norm end as raw_score,
        nulls.value as null_quantile,
        heads.run
    from {{ ref('stg_raw__head_scores') }} as heads
    inner join speaking
        on
            heads.run = speaking.measured_in
            and heads.model = speaking.model
    inner join {{ ref('stg_raw__weights') }} as weights
        on
            heads.run = weights.run
            and heads.model = weights.model
            and heads.layer = weights.layer
            and heads.neuron = weights.neuron
    left join nulls
        on
            heads.run = nulls.run
            and heads.model = nulls.model
            and heads.layer = nulls.layer
            and heads.kind = nulls.kind
)

select * from heads
