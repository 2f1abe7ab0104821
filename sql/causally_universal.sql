-- Do the same tokens suffer when matched neurons of two models are ablated, and more so than with a random partner?
-- $model: name of a model; all models without it
-- $other_model: name of the partner model; all of them without it
with

pairs as (
    select
        model,
        other_model,
        mode,
        layer,
        neuron,
        other_layer,
        other_neuron,
        max_corr,
        loss_corr,
        loss_corr_se,
        random_loss_corr,
        delta_loss,
        other_delta_loss
    from marts.causal_universality
    where
        ($model::varchar is null or model = $model::varchar)
        and ($other_model::varchar is null or other_model = $other_model::varchar)
)

select * from pairs
order by loss_corr desc nulls last, model asc, other_model asc, mode asc, layer asc, neuron asc
