-- How much of what a neuron does goes through the scale of the final norm?
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as entropy; all sets without it
-- $quantity: what changes: entropy, loss, absolute_loss, reciprocal_rank or frequency_kl; entropy without it
-- $n: neurons; without it, all
with

mediation as (
    select
        model,
        layer,
        neuron,
        is_asked,
        is_norm_control,
        is_random_control,
        is_last_layer,
        w_out_norm,
        total_effect,
        total_effect_low,
        total_effect_high,
        direct_effect,
        mediated_share,
        mediated_share_low,
        mediated_share_high
    from marts.entropy_mediation
    where
        frozen = 'norm'
        and quantity = coalesce($quantity::varchar, 'entropy')
        and ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
)

select * from mediation
order by is_asked desc, mediated_share desc nulls last, model asc, layer asc, neuron asc
limit coalesce($n::integer, 2147483647)
