with

ranked_features as (
    select * from {{ ref('int_ranked_features') }}
),

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'features'
),

best as (
    select
        ranked_features.model,
        ranked_features.layer,
        ranked_features.neuron,
        'input' as side,
        row_number() over (
            partition by ranked_features.model, ranked_features.layer, ranked_features.neuron
            order by
                ranked_features.variance_reduction desc, ranked_features.feature asc, ranked_features.lag asc
        )::integer as rank,
        ranked_features.feature,
        ranked_features.feature_kind,
        ranked_features.lag,
        ranked_features.variance_reduction,
        ranked_features.heldout_reduction,
        ranked_features.mean_true,
        ranked_features.mean_false,
        ranked_features.n_true,
        ranked_features.run
    from ranked_features
    inner join speaking
        on
            ranked_features.model = speaking.model
            and ranked_features.run = speaking.run
    qualify rank <= 5
)

select * from best
order by model, layer, neuron, rank
