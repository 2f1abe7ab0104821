with

experiments as (
    select * from {{ ref('int_experiments') }}
    where kind = 'probe'
),

probes as (
    select * from {{ ref('stg_raw__suffix_probes') }}
),

neurons as (
    select * from {{ ref('stg_raw__probe_neurons') }}
),

sums as (
    select * from {{ ref('stg_raw__probe_sums') }}
),

sequences as (
    select * from {{ ref('stg_raw__experiment_sequences') }}
),

weights as (
    select * from {{ ref('int_bootstrap_weights') }}
),

by_document as (
    select
        sums.run,
        sums.model,
        sums.probe,
        sequences.document,
        sum(sums.n) as n,
        sum(sums.n_right) as n_right
    from sums
    inner join experiments
        on
            sums.run = experiments.run
            and sums.model = experiments.model
    inner join sequences
        on
            sums.run = sequences.run
            and sums.sequence = sequences.sequence
    group by sums.run, sums.model, sums.probe, sequences.document
),

-- Beside the model itself on the same documents: the two are drawn together.
beside as (
    select
        by_document.*,
        own.n_right as n_model_right
    from by_document
    inner join by_document as own
        on
            by_document.run = own.run
            and by_document.model = own.model
            and by_document.document = own.document
            and own.probe = 0
),

totals as (
    select
        run,
        model,
        probe,
        sum(n)::integer as n_test,
        count(*)::integer as n_documents,
        100.0 * sum(n_right) / sum(n) as pct_right,
        100.0 * sum(n_model_right) / sum(n) as pct_model_right
    from beside
    group by run, model, probe
),

draws as (
    select
        beside.run,
        beside.model,
        beside.probe,
        100.0 * sum(weights.weight * beside.n_right) / nullif(sum(weights.weight * beside.n), 0) as pct_right,
        100.0 * sum(weights.weight * (beside.n_right - beside.n_model_right))
        / nullif(sum(weights.weight * beside.n), 0) as pct_beyond_model
    from beside
    inner join weights on beside.document = weights.document
    group by beside.run, beside.model, beside.probe, weights.draw
),

intervals as (
    select
        run,
        model,
        probe,
        quantile_cont(pct_right, 0.025) as pct_low,
        quantile_cont(pct_right, 0.975) as pct_high,
        quantile_cont(pct_beyond_model, 0.025) as pct_beyond_model_low,
        quantile_cont(pct_beyond_model, 0.975) as pct_beyond_model_high
    from draws
    group by run, model, probe
),

named as (
    select
        experiments.model,
        ltrim(experiments.neurons, '-') as suffix,
        probes.probe,
        probes.kind,
        probes.n_neurons,
        neurons.layer,
        neurons.neuron,
        neurons.effect,
        probes.n_train,
        100.0 * probes.n_train_right / probes.n_train as pct_right_train,
        totals.n_test,
        totals.n_documents,
        totals.pct_right,
        intervals.pct_low,
        intervals.pct_high,
        totals.pct_right - totals.pct_model_right as pct_beyond_model,
        intervals.pct_beyond_model_low,
        intervals.pct_beyond_model_high,
        experiments.run
    from experiments
    inner join probes
        on
            experiments.run = probes.run
            and experiments.model = probes.model
    inner join totals
        on
            probes.run = totals.run
            and probes.model = totals.model
            and probes.probe = totals.probe
    inner join intervals
        on
            probes.run = intervals.run
            and probes.model = intervals.model
            and probes.probe = intervals.probe
    left join neurons
        on
            probes.run = neurons.run
            and probes.model = neurons.model
            and probes.place = neurons.place
)

select * from named
order by model, suffix, probe
