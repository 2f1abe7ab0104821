-- What does ablating a set of neurons do to the loss and to the predictions?
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as universal; all sets without it
with

ablations as (
    select
        model,
        neurons,
        scope,
        mode,
        n_neurons,
        n_documents,
        delta_loss,
        delta_loss_low,
        delta_loss_high,
        kl,
        agreement,
        selection
    from marts.ablations
    where
        ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
)

select * from ablations
order by model, neurons, mode, scope
