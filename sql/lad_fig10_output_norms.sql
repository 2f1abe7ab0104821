-- How much do attention and the MLP write in every layer, beside the residual stream?
-- Source: Lad et al. 2024, Figures 10 and 20 (mean norms over positions)
-- $model: name of a model; all models without it
with

stages as (
    select
        model,
        layer,
        relative_depth,
        mlp_norm,
        attention_norm,
        stream_norm,
        mlp_norm / nullif(stream_norm, 0) as mlp_to_stream,
        attention_norm / nullif(mlp_norm, 0) as attention_to_mlp
    from marts.layer_stages
    where $model::varchar is null or model = $model::varchar
)

select * from stages
order by model, layer
