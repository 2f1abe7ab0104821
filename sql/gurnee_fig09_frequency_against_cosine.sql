-- Do neurons that fire often have opposed input and output weights?
-- Source: Gurnee et al. 2024, Figure 9 (corr, slope and intercept are of the line through all neurons of the model)
-- $model: name of a model; all models without it
-- $width: of a bin of either axis; 0.02 without it
with

neurons as (
    select
        model,
        layer,
        neuron,
        is_universal,
        sparsity,
        in_out_sim,
        coalesce($width::double, 0.02) as width,
        floor(sparsity / width) as frequency_bin,
        floor(in_out_sim / width) as cosine_bin
    from marts.neurons
    where
        sparsity is not null
        and in_out_sim is not null
        and ($model::varchar is null or model = $model::varchar)
),

-- Universal neurons alone are not the model.
lines as (
    select
        model,
        corr(in_out_sim, sparsity order by layer, neuron) as corr,
        regr_slope(in_out_sim, sparsity order by layer, neuron) as slope,
        regr_intercept(in_out_sim, sparsity order by layer, neuron) as intercept
    from neurons
    group by model
    having not coalesce(bool_and(is_universal), false)
),

cells as (
    select
        neurons.model,
        round(neurons.frequency_bin * neurons.width, 6) as sparsity_low,
        round(neurons.cosine_bin * neurons.width, 6) as in_out_sim_low,
        count(*)::integer as n_neurons,
        (count(*) filter (where neurons.is_universal))::integer as n_universal,
        lines.corr,
        lines.slope,
        lines.intercept
    from neurons
    inner join lines on neurons.model = lines.model
    group by
        neurons.model, neurons.width, neurons.frequency_bin, neurons.cosine_bin, lines.corr, lines.slope,
        lines.intercept
)

select * from cells
order by model, sparsity_low, in_out_sim_low
