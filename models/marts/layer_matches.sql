with

-- Counted twice, each time by two other columns.
partners as not materialized (
    select * from {{ ref('neuron_partners') }}
),

layers as (
    select distinct
        model,
        layer
    from {{ ref('neurons') }}
),

-- A dead neuron has no partner.
layer_pairs as (
    select
        model,
        layer,
        other_model,
        relation,
        run,
        count(other_neuron) as n_alive
    from partners
    group by model, layer, other_model, relation, run
),

bests as (
    select
        model,
        layer,
        other_model,
        other_layer,
        count(*) as n_best,
        avg(max_corr) as mean_corr
    from partners
    where other_layer is not null
    group by model, layer, other_model, other_layer
),

matches as (
    select
        layer_pairs.model,
        layer_pairs.other_model,
        layer_pairs.layer,
        layers.layer as other_layer,
        coalesce(bests.n_best, 0)::integer as n_best,
        coalesce(bests.n_best, 0) / nullif(layer_pairs.n_alive, 0) as share,
        bests.mean_corr,
        layer_pairs.relation,
        layer_pairs.run
    from layer_pairs
    inner join layers on layer_pairs.other_model = layers.model
    left join bests
        on
            layer_pairs.model = bests.model
            and layer_pairs.layer = bests.layer
            and layer_pairs.other_model = bests.other_model
            and layers.layer = bests.other_layer
    order by layer_pairs.model, layer_pairs.other_model, layer_pairs.layer, layers.layer
)

select * from matches
