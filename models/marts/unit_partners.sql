with

unit_pairs as (
    select * from {{ ref('int_neuron_pairs') }}
    where site <> 'mlp'
),

comparisons as (
    select * from {{ ref('int_comparisons') }}
    where is_speaking
),

partners as (
    select
        unit_pairs.site,
        unit_pairs.model,
        unit_pairs.layer,
        unit_pairs.neuron as unit,
        unit_pairs.other_model,
        unit_pairs.max_corr,
        unit_pairs.other_layer,
        unit_pairs.other_neuron as other_unit,
        unit_pairs.corr_se,
        unit_pairs.min_corr,
        unit_pairs.baseline,
        unit_pairs.baseline_sd,
        unit_pairs.is_mutual,
        unit_pairs.relation,
        unit_pairs.run
    from unit_pairs
    inner join comparisons
        on
            unit_pairs.run = comparisons.run
            and unit_pairs.site = comparisons.site
            and unit_pairs.model = comparisons.model
            and unit_pairs.relation = comparisons.relation
    order by
        unit_pairs.site,
        unit_pairs.model,
        unit_pairs.layer,
        unit_pairs.neuron,
        unit_pairs.other_model
)

select * from partners
