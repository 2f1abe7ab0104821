with

families as (
    select * from {{ ref('neuron_families') }}
    where family is not null
),

partners as (
    select * from {{ ref('neuron_partners') }}
    where relation = 'seed'
),

matched as (
    select
        families.model,
        partners.other_model,
        families.family,
        families.feature,
        families.is_universal,
        others.family as other_family,
        others.feature as other_feature,
        families.run
    from families
    inner join partners
        on
            families.model = partners.model
            and families.layer = partners.layer
            and families.neuron = partners.neuron
    inner join families as others
        on
            partners.other_model = others.model
            and partners.other_layer = others.layer
            and partners.other_neuron = others.neuron
),

-- What as many partners drawn at random from the other model would share.
shares as (
    select
        model,
        family,
        count(*) / sum(count(*)) over (partition by model) as share
    from families
    group by model, family
),

stability as (
    select
        matched.model,
        matched.other_model,
        matched.family,
        count(*)::integer as n_neurons,
        (count(*) filter (where matched.other_family = matched.family))::integer as n_same,
        100 * (count(*) filter (where matched.other_family = matched.family)) / count(*) as pct_same,
        100 * coalesce(any_value(shares.share), 0) as pct_by_chance,
        100 * (count(*) filter (where matched.other_feature = matched.feature))
        / nullif(count(matched.feature), 0) as pct_same_feature,
        100 * (count(*) filter (where matched.is_universal and matched.other_family = matched.family))
        / nullif(count(*) filter (where matched.is_universal), 0) as pct_same_universal,
        any_value(matched.run) as run
    from matched
    left join shares
        on
            matched.other_model = shares.model
            and matched.family = shares.family
    group by matched.model, matched.other_model, matched.family
)

select * from stability
order by model, other_model, family
