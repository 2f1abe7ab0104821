-- Which neurons turn a later head to BOS, or away from it, the strongest first?
-- $model: name of a model; all models without it
-- $n: neurons; without it, 20
with

heads as (
    select * from marts.neuron_heads
    where
        kind = 'bos'
        and rank = 1
        and ($model::varchar is null or model = $model::varchar)
),

listed as (
    select
        model,
        layer,
        neuron,
        head_layer,
        head,
        case when score > 0 then 'to BOS' else 'away from BOS' end as turns,
        score,
        raw_score,
        null_quantile,
        abs(score) > null_quantile as passes
    from heads
)

select * from listed
order by abs(score) desc, model asc, layer asc, neuron asc
limit coalesce($n::integer, 20)
