-- depends_on: {{ ref('int_family_scores') }}
-- depends_on: {{ ref('int_supports') }}
with

ruled as (
    select *
    from marts.rule_family(
        {{ var('unigram_cutoff') }},
        {{ var('alphabet_cutoff') }},
        {{ var('previous_token_cutoff') }},
        {{ var('position_cutoff') }},
        {{ var('syntax_cutoff') }},
        {{ var('semantic_cutoff') }},
        {{ var('support_cutoff') }}
    )
),

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'features'
),

universality as (
    select * from {{ ref('neuron_universality') }}
    where comparison = 'seeds'
),

families as (
    select
        ruled.model,
        ruled.layer,
        ruled.neuron,
        ruled.family,
        ruled.feature,
        ruled.lag,
        ruled.strength,
        ruled.heldout_strength,
        ruled.n_families::integer as n_families,
        ruled.runner_up_family,
        ruled.runner_up_feature,
        ruled.runner_up_strength,
        ruled.largest_score,
        universality.is_universal,
        ruled.run
    from ruled
    inner join speaking
        on
            ruled.model = speaking.model
            and ruled.run = speaking.measured_in
    left join universality
        on
            ruled.model = universality.model
            and ruled.layer = universality.layer
            and ruled.neuron = universality.neuron
    order by ruled.model, ruled.layer, ruled.neuron
)

select * from families
