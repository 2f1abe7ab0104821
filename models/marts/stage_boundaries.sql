with

stages as (
    select * from {{ ref('layer_stages') }}
),

placed as (
    select
        *,
        layer = max(layer) over (partition by model) as is_last,
        lens_kl <= 0.5 * max(lens_kl) filter (where layer = 0) over (partition by model) as is_halfway
    from stages
),

boundaries as (
    select
        model,
        count(*)::integer as n_layers,
        arg_max(layer, attention_to_previous_5) as nearest_layer,
        arg_max(layer, lens_entropy) as least_sure_layer,
        min(layer) filter (where is_halfway) as halfway_layer,
        arg_max(layer, pct_prediction_calibrated) filter (where pct_prediction_calibrated > 0) as prediction_layer,
        arg_max(layer, pct_suppression_calibrated) filter (where pct_suppression_calibrated > 0) as suppression_layer,
        arg_max(layer, mlp_norm) as loudest_layer,
        any_value(delete_kl) filter (where layer = 0) as delete_kl_first,
        median(delete_kl) filter (where layer > 0 and not is_last) as delete_kl_middle,
        any_value(delete_kl) filter (where is_last and layer > 0) as delete_kl_last,
        median(delete_agreement) filter (where layer > 0 and not is_last) as delete_agreement_middle,
        any_value(swap_kl) filter (where layer = 0) as swap_kl_first,
        median(swap_kl) filter (where layer > 0) as swap_kl_rest,
        any_value(run) as run
    from placed
    group by model
)

select * from boundaries
order by model
