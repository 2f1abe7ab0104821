with

ranked_features as (
    select * from {{ ref('int_ranked_features') }}
),

output_features as (
    select * from {{ ref('int_output_features') }}
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
            and ranked_features.run = speaking.measured_in
    qualify rank <= 5
),

-- What a neuron writes acts on the token that comes next; weights know no documents to hold out.
written as (
    select
        output_features.model,
        output_features.layer,
        output_features.neuron,
        'output' as side,
        output_features.rank,
        output_features.feature,
        output_features.feature_kind,
        -1::tinyint as lag,
        output_features.variance_reduction,
        null::double as heldout_reduction,
        output_features.mean_true,
        output_features.mean_false,
        output_features.n_true,
        output_features.run
    from output_features
    inner join speaking
        on
            output_features.model = speaking.model
            and output_features.run = speaking.measured_in
),

sides as (
    select * from best
    union all
    select * from written
)

select * from sides
order by model, layer, neuron, side, rank
