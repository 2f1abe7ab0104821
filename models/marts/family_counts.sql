with

families as (
    select * from {{ ref('neuron_families') }}
    where family is not null
),

counts as (
    select
        model,
        family,
        count(*)::integer as n_neurons,
        (count(*) filter (where is_universal))::integer as n_universal,
        100 * count(*) / sum(count(*)) over (partition by model) as pct_neurons,
        100 * (count(*) filter (where is_universal))
        / nullif(sum(count(*) filter (where is_universal)) over (partition by model), 0) as pct_universal,
        any_value(run) as run
    from families
    group by model, family
)

select * from counts
order by model, family
