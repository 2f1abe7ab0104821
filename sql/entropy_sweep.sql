-- What do the final norm, the entropy and the loss do when a neuron is fixed at a value, beside neurons of its norm?
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as entropy; all sets without it
with

sweeps as (
    select * from marts.entropy_sweeps
    where
        is_asked
        and ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
),

controls as (
    select
        model,
        neurons,
        layer,
        neuron,
        kind,
        setting,
        any_value(n_controls) as n_controls,
        max(control_change) filter (where quantity = 'scale') as scale,
        max(control_change) filter (where quantity = 'entropy') as entropy,
        max(control_change) filter (where quantity = 'loss') as loss,
        max(p) filter (where quantity = 'entropy') as entropy_p
    from marts.entropy_contrasts
    where control = 'norm'
    group by model, neurons, layer, neuron, kind, setting
),

listed as (
    select
        sweeps.model,
        sweeps.layer,
        sweeps.neuron,
        sweeps.kind,
        sweeps.setting,
        sweeps.value,
        sweeps.delta_scale,
        controls.scale as control_delta_scale,
        sweeps.delta_entropy,
        sweeps.delta_entropy_se,
        controls.entropy as control_delta_entropy,
        controls.entropy_p,
        sweeps.delta_loss,
        controls.loss as control_delta_loss,
        sweeps.delta_reciprocal_rank,
        controls.n_controls
    from sweeps
    left join controls
        on
            sweeps.model = controls.model
            and sweeps.neurons = controls.neurons
            and sweeps.layer = controls.layer
            and sweeps.neuron = controls.neuron
            and sweeps.kind = controls.kind
            and sweeps.setting = controls.setting
)

select * from listed
order by model asc, layer asc, neuron asc, kind desc, setting asc
