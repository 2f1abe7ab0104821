-- How well do a model's weights, moments and each property alone say which neurons are universal, by the other seeds?
-- $model: name of a model; all models without it
-- $kind: weights, moments or both; all of them without it
with

predicted as (
    select
        model,
        inputs <> kind as is_alone,
        kind,
        inputs,
        n_properties,
        n_universal,
        n_rest,
        auc,
        auc_low,
        auc_high,
        n_trained_models
    from marts.universality_prediction
    where
        auc is not null
        and ($model::varchar is null or model = $model::varchar)
        and ($kind::varchar is null or kind = $kind::varchar)
)

select * exclude (is_alone) from predicted
order by model asc, is_alone asc, auc desc, inputs asc
