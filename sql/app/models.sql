-- Every model: its shape, seed, step and share of universal neurons.
with

models as (
    select * from marts.models
),

universality as (
    select * from marts.universality
),

described as (
    select
        models.model,
        models.model_family,
        models.seed,
        models.step,
        models.architecture,
        models.n_layers,
        models.d_mlp,
        models.n_neurons,
        universality.n_universal,
        universality.pct_universal,
        universality.pct_low,
        universality.pct_high,
        universality.n_partners
    from models
    left join universality on models.model = universality.model
)

select * from described
order by model
