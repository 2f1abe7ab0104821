-- The best partners of a layer's living neurons are spread over the partner's layers and nowhere else.
with

living as (
    select
        model,
        other_model,
        layer,
        count(other_neuron) as n_alive
    from {{ ref('neuron_partners') }}
    group by model, other_model, layer
),

matched as (
    select
        model,
        other_model,
        layer,
        sum(n_best) as n_best,
        sum(share) as share
    from {{ ref('layer_matches') }}
    group by model, other_model, layer
),

differing as (
    select
        living.*,
        matched.n_best
    from living
    left join matched
        on
            living.model = matched.model
            and living.other_model = matched.other_model
            and living.layer = matched.layer
    where living.n_alive is distinct from matched.n_best or abs(matched.share - 1) > 1e-9
)

select * from differing
