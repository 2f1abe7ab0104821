with

families as (
    select * from {{ ref('neuron_families') }}
    where family is not null
),

counts as (
    select
        model,
        layer,
        family,
        count(*)::integer as n_neurons,
        (count(*) filter (where is_universal))::integer as n_universal,
        100 * count(*) / sum(count(*)) over (partition by model, layer) as pct_neurons,
        any_value(run) as run
    from families
    group by model, layer, family
)

select * from counts
order by model, layer, family
