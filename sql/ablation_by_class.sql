-- Which next tokens suffer from an ablation, beyond what they suffer from random ones?
-- $model: name of a model; all models without it
-- $neurons: the set as the study names it, such as universal; all sets without it
with

classes as (
    select
        model,
        neurons,
        mode,
        next_class,
        n_positions,
        clean_loss,
        delta_loss,
        delta_loss_se,
        control_delta_loss,
        delta_loss - control_delta_loss as excess_loss
    from marts.ablation_classes
    where
        scope = 'model'
        and ($model::varchar is null or model = $model::varchar)
        and ($neurons::varchar is null or neurons = $neurons::varchar)
)

select * from classes
order by model asc, neurons asc, mode asc, delta_loss desc, next_class asc
