-- Does a set of neurons matter more than as many other ones of the same layers, or than such that write as much?
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as universal; all sets without it
with

contrasts as (
    select
        model,
        neurons,
        scope,
        mode,
        control,
        n_neurons,
        n_controls,
        delta_loss,
        control_delta_loss,
        excess_loss,
        excess_loss_low,
        excess_loss_high,
        loss_p,
        excess_kl,
        kl_p
    from marts.ablation_contrasts
    where
        ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
)

select * from contrasts
order by model, neurons, mode, scope, control
