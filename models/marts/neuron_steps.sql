with

step_pairs as (
    select * from {{ ref('int_step_pairs') }}
),

universality as (
    select * from {{ ref('neuron_universality') }}
    where comparison = 'seeds'
),

models as (
    select * from {{ ref('models') }}
),

stepping as (
    select model_from as model
    from step_pairs
    union
    select model_to as model
    from step_pairs
),

partners as (
    select
        neuron_partners.*,
        models.model_family as other_family,
        models.seed as other_seed
    from {{ ref('neuron_partners') }} as neuron_partners
    inner join models on neuron_partners.other_model = models.model
    inner join stepping on neuron_partners.model = stepping.model
    where neuron_partners.relation in ('seed', 'step')
),

-- The best partners in the same other seeds, before and after.
kept as (
    select
        step_pairs.model_from,
        earlier.layer,
        earlier.neuron,
        count(*)::integer as n_partners,
        (
            count(*) filter (
                where
                earlier.other_layer = later.other_layer
                and earlier.other_neuron = later.other_neuron
            )
        )::integer as n_partners_kept
    from step_pairs
    inner join partners as earlier
        on
            step_pairs.model_from = earlier.model
            and earlier.relation = 'seed'
    inner join partners as later
        on
            step_pairs.model_to = later.model
            and earlier.relation = later.relation
            and earlier.layer = later.layer
            and earlier.neuron = later.neuron
            and earlier.other_family = later.other_family
            and earlier.other_seed = later.other_seed
    where earlier.other_neuron is not null and later.other_neuron is not null
    group by step_pairs.model_from, earlier.layer, earlier.neuron
),

neuron_steps as (
    select
        step_pairs.model_family,
        step_pairs.seed,
        step_pairs.step_from,
        step_pairs.step_to,
        step_pairs.model_from,
        step_pairs.model_to,
        earlier.layer,
        earlier.neuron,
        earlier.excess_corr as excess_from,
        later.excess_corr as excess_to,
        earlier.is_universal as is_universal_from,
        later.is_universal as is_universal_to,
        case
            when earlier.is_universal and later.is_universal then 'kept'
            when later.is_universal then 'born'
            when earlier.is_universal then 'died'
            else 'never'
        end as change,
        earlier.is_dead or later.is_dead as is_dead,
        selves.self_corr,
        selves.run is not null as is_self_compared,
        kept.n_partners,
        kept.n_partners_kept,
        later.run
    from step_pairs
    inner join universality as earlier on step_pairs.model_from = earlier.model
    inner join universality as later
        on
            step_pairs.model_to = later.model
            and earlier.layer = later.layer
            and earlier.neuron = later.neuron
    left join partners as selves
        on
            step_pairs.model_from = selves.model
            and step_pairs.model_to = selves.other_model
            and selves.relation = 'step'
            and earlier.layer = selves.layer
            and earlier.neuron = selves.neuron
    left join kept
        on
            step_pairs.model_from = kept.model_from
            and earlier.layer = kept.layer
            and earlier.neuron = kept.neuron
)

select * from neuron_steps
order by model_family, seed, step_from, layer, neuron
