-- The attention of every head of a model to the five positions before.
-- $model: name of a model
select
    layer,
    head,
    sum(attention order by position_before) as attention_to_previous_5
from marts.head_attention
where model = $model::varchar
group by layer, head
order by layer, head
