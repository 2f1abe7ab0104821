-- Which heads write little when they attend to BOS, and how much attention do they pay to it?
-- $model: name of a model; all models without it
with

heads as (
    select
        model,
        layer,
        head,
        attention,
        bos_norm,
        other_norm,
        other_to_bos
    from marts.head_bos_outputs
    where $model::varchar is null or model = $model::varchar
)

select * from heads
order by other_to_bos desc nulls first, model asc, layer asc, head asc
