with

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished'
),

pairs as (
    select * from {{ ref('stg_raw__pairs') }}
),

sites as (
    select * from {{ ref('stg_raw__sites') }}
),

weights as (
    select * from {{ ref('stg_raw__weights') }}
),

bests as (
    select * from {{ ref('stg_raw__bests') }}
),

baselines as (
    select * from {{ ref('stg_raw__baselines') }}
),

-- Every neuron of a model has weights; dead ones have no correlations.
units as (
    select
        sites.run,
        sites.site,
        sites.model,
        weights.layer,
        weights.neuron
    from sites
    inner join weights
        on
            sites.run = weights.run
            and sites.model = weights.model
    where sites.site = 'mlp'
    union all
    select
        sites.run,
        sites.site,
        sites.model,
        layers.layer::smallint as layer,
        entries.neuron::integer as neuron
    from sites
    cross join unnest(range(sites.n_layers)) as layers (layer)
    cross join unnest(range(sites.width)) as entries (neuron)
    where sites.site <> 'mlp'
),

-- Every draw is a maximum already. Ordered, so that two builds agree to the last bit and so do the labels.
chance as (
    select
        run,
        site,
        model,
        layer,
        neuron,
        other_model,
        avg(max_corr order by draw) filter (where kind = 'rotation') as baseline,
        stddev_samp(max_corr order by draw) filter (where kind = 'rotation') as baseline_sd,
        avg(max_corr order by draw) filter (where kind = 'shift') as shift_corr,
        avg(max_corr order by draw) filter (where kind = 'noise') as noise_corr,
        avg(max_corr order by draw) filter (where kind = 'twin') as twin_corr
    from baselines
    group by run, site, model, layer, neuron, other_model
),

-- A dead unit has 0 for what its run measured.
measured as (
    select
        run,
        site,
        case when count(baseline) > 0 then 0 end as baseline,
        case when count(baseline_sd) > 0 then 0 end as baseline_sd,
        case when count(shift_corr) > 0 then 0 end as shift_corr,
        case when count(noise_corr) > 0 then 0 end as noise_corr,
        case when count(twin_corr) > 0 then 0 end as twin_corr
    from chance
    group by run, site
),

-- Under a depth window a layer may have no layer of like depth in a partner: then there is nothing to say of its units.
compared as (
    select distinct
        run,
        site,
        model,
        layer,
        other_model
    from bests
),

filled as (
    select
        pairs.run,
        pairs.relation,
        units.site,
        units.model,
        units.layer,
        units.neuron,
        pairs.other_model,
        coalesce(bests.max_corr, 0) as max_corr,
        bests.other_layer,
        bests.other_neuron,
        coalesce(bests.min_corr, 0) as min_corr,
        bests.influence as z_influence,
        bests.n_groups,
        bests.run is null as is_dead,
        runs.baseline_draws as n_draws,
        case when bests.run is null then measured.baseline else chance.baseline end as baseline,
        case when bests.run is null then measured.baseline_sd else chance.baseline_sd end as baseline_sd,
        case when bests.run is null then measured.shift_corr else chance.shift_corr end as shift_corr,
        case when bests.run is null then measured.noise_corr else chance.noise_corr end as noise_corr,
        case when bests.run is null then measured.twin_corr else chance.twin_corr end as twin_corr
    from pairs
    inner join runs on pairs.run = runs.run
    inner join units
        on
            pairs.run = units.run
            and pairs.model = units.model
    left join bests
        on
            pairs.run = bests.run
            and pairs.other_model = bests.other_model
            and units.site = bests.site
            and units.model = bests.model
            and units.layer = bests.layer
            and units.neuron = bests.neuron
    left join chance
        on
            pairs.run = chance.run
            and pairs.other_model = chance.other_model
            and units.site = chance.site
            and units.model = chance.model
            and units.layer = chance.layer
            and units.neuron = chance.neuron
    left join measured
        on
            units.run = measured.run
            and units.site = measured.site
    left join compared
        on
            pairs.run = compared.run
            and pairs.other_model = compared.other_model
            and units.site = compared.site
            and units.model = compared.model
            and units.layer = compared.layer
    where compared.run is not null or (runs.plan ->> '$.depth_window') is null
),

-- Fisher's z is infinite at a correlation of 1; rounding may leave one slightly above it.
transformed as (
    select
        *,
        atanh(greatest(-1 + 1e-9, least(1 - 1e-9, max_corr))) as z,
        greatest(0, 1 - max_corr ** 2) as slope,
        sqrt(list_sum([part ** 2 for part in z_influence])) as z_se,
        {{ effective_df('z_influence', 'n_groups') }} as df,
        {{ t_quantile('df') }} * z_se as z_margin
    from filled
),

-- least and greatest pass over a NULL.
judged as (
    select
        * exclude (z, slope, z_influence, z_se, df, z_margin),
        [part * slope for part in z_influence] as influence,
        z_se * slope as corr_se,
        case when z_margin is not null then least(max_corr, tanh(z - z_margin)) end as corr_low,
        case when z_margin is not null then greatest(max_corr, tanh(z + z_margin)) end as corr_high
    from transformed
),

mutual as (
    select
        judged.*,
        coalesce(back.other_layer = judged.layer and back.other_neuron = judged.neuron, false) as is_mutual
    from judged
    left join judged as back
        on
            judged.run = back.run
            and judged.site = back.site
            and judged.model = back.other_model
            and judged.other_model = back.model
            and judged.other_layer = back.layer
            and judged.other_neuron = back.neuron
)

select * from mutual
