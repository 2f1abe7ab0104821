with

unit_pairs as (
    select * from {{ ref('int_neuron_pairs') }}
    where site <> 'mlp'
),

speaking_pairs as (
    select * from {{ ref('int_compared_pairs') }}
    where is_speaking
),

partners as (
    select
        unit_pairs.site::varchar as site,
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
        speaking_pairs.run
    from unit_pairs
    inner join speaking_pairs
        on
            unit_pairs.run = speaking_pairs.measured_in
            and unit_pairs.site = speaking_pairs.site
            and unit_pairs.model = speaking_pairs.model
            and unit_pairs.other_model = speaking_pairs.other_model
)

select * from partners
