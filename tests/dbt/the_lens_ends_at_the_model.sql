-- Behind the last layer the logit lens is the model itself, with the same bits.
with

lens as (
    select * from {{ ref('layer_stages') }}
),

last_layers as (
    select
        model,
        max(layer) as layer
    from lens
    group by model
),

differing as (
    select lens.*
    from lens
    inner join last_layers
        on
            lens.model = last_layers.model
            and lens.layer = last_layers.layer
    where lens.lens_kl <> 0 or lens.lens_agreement <> 1
)

select * from differing
