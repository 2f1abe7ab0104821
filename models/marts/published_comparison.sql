with

published as (
    select
        imported.*,
        {{ is_universal('imported', var('universal_threshold')) }} as is_universal
    from {{ ref('int_imported_neurons') }} as imported
    where imported.is_ingested
),

ours as (
    select * from {{ ref('neurons') }}
),

pairs as (
    {% for column in published_columns() %}
    select
        published.model,
        published.layer,
        published.neuron,
        '{{ column }}' as property,
        ours.{{ column }} as ours,
        published.{{ column }} as published,
        published.run
    from published
    inner join ours
        on
            published.model = ours.model
            and published.layer = ours.layer
            and published.neuron = ours.neuron
    where ours.{{ column }} is not null and published.{{ column }} is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

compared as (
    select
        model,
        property,
        count(*)::integer as n_neurons,
        corr(ours, published) as corr,
        regr_slope(ours, published) as slope,
        avg(ours order by layer, neuron) as our_mean,
        avg(published order by layer, neuron) as published_mean,
        avg(ours - published order by layer, neuron) as mean_difference,
        max(abs(ours - published)) as largest_difference,
        any_value(run) as run
    from pairs
    group by model, property
),

sets as (
    select
        published.model,
        (count(*) filter (where ours.is_universal))::integer as n_ours,
        (count(*) filter (where published.is_universal))::integer as n_published,
        (count(*) filter (where ours.is_universal and published.is_universal))::integer as n_both
    from published
    inner join ours
        on
            published.model = ours.model
            and published.layer = ours.layer
            and published.neuron = ours.neuron
    where ours.is_universal is not null and published.is_universal is not null
    group by published.model
),

with_sets as (
    select
        compared.model,
        compared.property,
        compared.n_neurons,
        compared.corr,
        compared.slope,
        compared.our_mean,
        compared.published_mean,
        compared.mean_difference,
        compared.largest_difference,
        sets.n_ours as n_universal_ours,
        sets.n_published as n_universal_published,
        sets.n_both as n_universal_both,
        sets.n_both / nullif(sets.n_ours + sets.n_published - sets.n_both, 0) as jaccard,
        compared.run
    from compared
    left join sets
        on
            compared.model = sets.model
            and compared.property = 'excess_corr'
    order by compared.model, compared.property
)

select * from with_sets
