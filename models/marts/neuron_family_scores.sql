with

family_scores as (
    select * from {{ ref('int_family_scores') }}
),

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'features'
),

scores as (
    select
        family_scores.model,
        family_scores.layer,
        family_scores.neuron,
        family_scores.family,
        family_scores.feature,
        family_scores.lag,
        family_scores.score,
        family_scores.heldout_score,
        family_scores.next_feature,
        family_scores.next_score,
        family_scores.run
    from family_scores
    inner join speaking
        on
            family_scores.model = speaking.model
            and family_scores.run = speaking.measured_in
)

select * from scores
