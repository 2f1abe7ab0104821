with

partners as (
    select * from {{ ref('stg_raw__partners') }}
),

pairs as (
    select * from {{ ref('stg_raw__pairs') }}
),

comparisons as (
    select * from {{ ref('int_comparisons') }}
    where is_speaking
),

speaking_pairs as (
    select
        pairs.run,
        pairs.model,
        pairs.other_model,
        pairs.relation,
        comparisons.site
    from pairs
    inner join comparisons
        on
            pairs.run = comparisons.run
            and pairs.model = comparisons.model
            and pairs.relation = comparisons.relation
),

-- Sorted by the key, so that a reader of one neuron skips nearly all of this large table.
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
        partners.run
    from partners
    inner join speaking_pairs
        on
            partners.run = speaking_pairs.run
            and partners.site = speaking_pairs.site
            and partners.model = speaking_pairs.model
            and partners.other_model = speaking_pairs.other_model
    order by
        partners.site,
        partners.model,
        partners.layer,
        partners.neuron,
        partners.other_model,
        partners.side,
        partners.rank
)

select * from matches
