with

output_sums as (
    select * from {{ ref('stg_raw__output_sums') }}
),

features as (
    select * from {{ ref('stg_raw__features') }}
    where source = 'token'
),

token_features as (
    select
        run,
        feature,
        count(*) as n_true
    from {{ ref('stg_raw__token_features') }}
    group by run, feature
),

vocabulary_sums as (
    select * from {{ ref('stg_raw__vocabulary_sums') }}
    where effect = 'out'
),

listed as (
    select
        run,
        model,
        layer,
        neuron,
        generate_subscripts(sums, 1)::integer as place,
        unnest(sums)::double as sum_true
    from output_sums
),

joined as (
    select
        listed.run,
        listed.model,
        listed.layer,
        listed.neuron,
        features.feature,
        features.feature_kind,
        listed.sum_true,
        token_features.n_true,
        vocabulary_sums.n,
        vocabulary_sums.sum_1 as total,
        vocabulary_sums.sum_2 - vocabulary_sums.sum_1 ** 2 / vocabulary_sums.n as ss_total
    from listed
    inner join features
        on
            listed.run = features.run
            and listed.place = features.place
    inner join token_features
        on
            features.run = token_features.run
            and features.feature = token_features.feature
    inner join vocabulary_sums
        on
            listed.run = vocabulary_sums.run
            and listed.model = vocabulary_sums.model
            and listed.layer = vocabulary_sums.layer
            and listed.neuron = vocabulary_sums.neuron
    where token_features.n_true < vocabulary_sums.n
),

scores as (
    select
        run,
        model,
        layer,
        neuron,
        feature,
        feature_kind,
        n_true,
        sum_true / n_true as mean_true,
        (total - sum_true) / (n - n_true) as mean_false,
        (sum_true ** 2 / n_true + (total - sum_true) ** 2 / (n - n_true) - total ** 2 / n) / nullif(ss_total, 0)
            as variance_reduction
    from joined
)

select * from scores
