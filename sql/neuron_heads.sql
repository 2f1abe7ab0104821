-- Which attention heads does a neuron work with: whose output does it read, whose query, key or value does it change?
-- $model: name of a model; without it, the first one
-- $layer: block, from 0; without it, layer 0
-- $neuron: entry of the hidden vector, from 0; without it, neuron 0
-- $kind: bos, q, k, v or ov; all without it
with

heads as (
    select * from marts.neuron_heads
    where
        model = coalesce($model::varchar, (select min(known.model) from marts.models as known))
        and layer = coalesce($layer::integer, 0)
        and neuron = coalesce($neuron::integer, 0)
        and ($kind::varchar is null or kind = $kind::varchar)
),

listed as (
    select
        model,
        layer,
        neuron,
        kind,
        rank,
        head_layer,
        head,
        score,
        raw_score,
        null_quantile
    from heads
)

select * from listed
order by kind, rank
