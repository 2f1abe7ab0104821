with

families as (
    select * from {{ ref('neuron_families') }}
    where family is not null and is_universal is not null
),

counts as (
    select
        model,
        is_universal,
        family <> 'none' as is_explained,
        count(*)::integer as n_neurons,
        100 * count(*) / sum(count(*)) over (partition by model, is_universal) as pct_neurons,
        any_value(run) as run
    from families
    group by model, is_universal, family <> 'none'
)

select * from counts
order by model, is_universal, is_explained
