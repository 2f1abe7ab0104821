-- How much attention goes to the token just before, the last two, up to the last five, in every layer?
-- Source: Lad et al. 2024, Figure 6a (up to five tokens; the mean over them is the figure of the first version)
-- $model: name of a model; all models without it
with

models as (
    select
        model,
        n_layers
    from marts.models
    where $model::varchar is null or model = $model::varchar
),

heads as (
    select
        attention.model,
        attention.layer,
        attention.layer / nullif(models.n_layers - 1, 0) as relative_depth,
        attention.position_before,
        avg(attention.attention order by attention.head) as attention
    from marts.head_attention as attention
    inner join models on attention.model = models.model
    group by attention.model, attention.layer, models.n_layers, attention.position_before
),

cumulative as (
    select
        model,
        layer,
        relative_depth,
        position_before as n_tokens_before,
        attention as attention_at,
        sum(attention) over nearest as attention_up_to,
        avg(attention) over nearest as mean_attention_up_to
    from heads
    window nearest as (
        partition by model, layer
        order by position_before
    )
)

select * from cumulative
order by model, layer, n_tokens_before
