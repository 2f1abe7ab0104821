with

partners as (
    select * from {{ ref('stg_raw__partners') }}
),

speaking_pairs as (
    select * from {{ ref('int_compared_pairs') }}
    where is_speaking
),

matches as (
    select
        partners.site,
        partners.model,
        partners.layer,
        partners.neuron,
        partners.other_model,
        partners.side,
        partners.rank,
        partners.other_layer,
        partners.other_neuron,
        partners.corr,
        speaking_pairs.relation,
        speaking_pairs.run
    from partners
    inner join speaking_pairs
        on
            partners.run = speaking_pairs.measured_in
            and partners.site = speaking_pairs.site
            and partners.model = speaking_pairs.model
            and partners.other_model = speaking_pairs.other_model
)

select * from matches
