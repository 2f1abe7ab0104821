-- Every model has n_layers * d_mlp neurons, and the counts per layer add up to the counts per model.
with

counted as (
    select
        model,
        sum(n_neurons) as n_neurons,
        sum(n_universal) as n_universal,
        sum(n_yes) as n_yes,
        sum(n_undecided) as n_undecided,
        sum(n_dead) as n_dead
    from {{ ref('layer_universality') }}
    group by model
),

differing as (
    select
        models.model,
        models.n_neurons,
        counted.n_neurons as n_counted
    from {{ ref('models') }} as models
    left join {{ ref('universality') }} as universality on models.model = universality.model
    left join counted on models.model = counted.model
    where
        counted.n_neurons is distinct from models.n_neurons
        or universality.n_neurons is distinct from models.n_neurons
        or counted.n_universal is distinct from universality.n_universal
        or counted.n_yes is distinct from universality.n_yes
        or counted.n_undecided is distinct from universality.n_undecided
        or counted.n_dead is distinct from universality.n_dead
)

select * from differing
