-- Which neurons pull the predictions to the frequency of tokens, or away from it, and how much of it along that axis?
-- $model: name of a model; all models without it
-- $n: neurons; without it, 20
with

mediation as (
    select
        mediation.model,
        mediation.layer,
        mediation.neuron,
        mediation.is_frequency,
        mediation.is_asked,
        -- Without the neuron the predictions are farther from the frequencies: it pulled them there.
        case when mediation.total_effect > 0 then 'to the frequencies' else 'away from them' end as pulls,
        mediation.total_effect,
        mediation.total_effect_low,
        mediation.total_effect_high,
        mediation.direct_effect,
        mediation.mediated_share,
        neurons.frequency_corr
    from marts.entropy_mediation as mediation
    inner join marts.neurons as neurons
        on
            mediation.model = neurons.model
            and mediation.layer = neurons.layer
            and mediation.neuron = neurons.neuron
    where
        mediation.frozen = 'frequency'
        and mediation.quantity = 'frequency_kl'
)

select * from mediation
where $model::varchar is null or model = $model::varchar
order by abs(total_effect) desc, model asc, layer asc, neuron asc
limit coalesce($n::integer, 20)
