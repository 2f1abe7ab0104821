-- Do some neurons say whether the next token ends in a suffix, beside random ones and the model itself?
-- $model: name of a model; all models without it
-- $suffix: such as ing; all suffixes without it
with

probes as (
    select
        model,
        suffix,
        kind,
        n_neurons,
        pct_right,
        pct_low,
        pct_high,
        pct_beyond_model,
        layer,
        neuron,
        n_test
    from marts.suffix_probes
    where
        ($model::varchar is null or model = $model::varchar)
        and ($suffix::varchar is null or suffix = $suffix::varchar)
    -- Of the single neurons of a kind the best one on the training documents.
    qualify
        row_number() over (
            partition by model, suffix, kind, n_neurons
            order by pct_right_train desc, probe asc
        ) = 1
)

select * from probes
order by model, suffix, kind, n_neurons
