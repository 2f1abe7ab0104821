-- How many neurons have each role, in each layer, and how many of them are universal?
with

roles as (
    select
        roles.model,
        roles.layer,
        roles.role,
        roles.passes,
        roles.passes_published,
        neurons.is_universal
    from marts.neuron_roles as roles
    inner join marts.neurons as neurons
        on
            roles.model = neurons.model
            and roles.layer = neurons.layer
            and roles.neuron = neurons.neuron
),

counts as (
    select
        model,
        layer,
        role,
        count(*) as n_layer,
        count(*) filter (where is_universal) as n_layer_universal,
        count(*) filter (where passes) as n_neurons,
        100 * count(*) filter (where passes) / count(*) as pct_neurons,
        count(*) filter (where passes and is_universal) as n_universal,
        100 * count(*) filter (where passes and is_universal)
        / nullif(count(*) filter (where is_universal), 0) as pct_of_universal,
        count(*) filter (where passes_published) as n_published
    from roles
    group by model, layer, role
)

select * from counts
order by model, role, layer
