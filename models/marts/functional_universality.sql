with

partners as (
    select * from {{ ref('neuron_partners') }}
    where effect_corr is not null
),

universality as (
    select * from {{ ref('neuron_universality') }}
),

judged as (
    select
        partners.*,
        coalesce(universality.is_universal, false) as is_universal
    from partners
    left join universality
        on
            partners.relation = case universality.comparison when 'seeds' then 'seed' end
            and partners.model = universality.model
            and partners.layer = universality.layer
            and partners.neuron = universality.neuron
),

compared as (
    select
        model,
        other_model,
        is_universal,
        any_value(relation) as relation,
        count(*)::integer as n_pairs,
        avg(effect_corr order by layer, neuron) as effect_corr,
        avg(random_effect_corr order by layer, neuron) as random_effect_corr,
        avg((effect_corr - random_effect_corr) / nullif(random_effect_sd, 0) order by layer, neuron) as effect_z,
        avg(free_effect_corr order by layer, neuron) as free_effect_corr,
        avg(random_free_effect_corr order by layer, neuron) as random_free_effect_corr,
        avg((free_effect_corr - random_free_effect_corr) / nullif(random_free_effect_sd, 0) order by layer, neuron)
            as free_effect_z,
        any_value(run) as run
    from judged
    group by model, other_model, is_universal
)

select * from compared
order by model, other_model, is_universal
