-- What are the final norm's scale, the entropy, the loss and the rank when a neuron is fixed at a value?
-- Source: Gurnee et al. 2024, Figures 1f, 7c-7f and 25c-25f (entropy and loss in nats)
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as entropy; all sets without it
with

sweeps as (
    select
        model,
        neurons,
        is_asked,
        layer,
        neuron,
        value,
        scale,
        entropy,
        reciprocal_rank,
        loss,
        scale - delta_scale as nominal_scale,
        entropy - delta_entropy as nominal_entropy,
        reciprocal_rank - delta_reciprocal_rank as nominal_reciprocal_rank,
        loss - delta_loss as nominal_loss
    from marts.entropy_sweeps
    where
        kind = 'value'
        and (is_asked or is_random_control)
        and ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
)

select * from sweeps
order by model asc, neurons asc, is_asked desc, layer asc, neuron asc, value asc
