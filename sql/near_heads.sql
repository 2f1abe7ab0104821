-- Which heads look at the tokens just before?
-- $model: name of a model; all models without it
-- $n: rows; 20 without it
with

heads as (
    select
        model,
        layer,
        head,
        sum(attention order by position_before) as attention_to_previous_5,
        max_by(position_before, attention) as most_at,
        max(attention) as largest
    from marts.head_attention
    where $model::varchar is null or model = $model::varchar
    group by model, layer, head
)

select * from heads
order by attention_to_previous_5 desc, model asc, layer asc, head asc
limit coalesce($n::integer, 20)
