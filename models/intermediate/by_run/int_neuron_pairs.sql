with

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished' and {{ of_new_runs('run') }}
),

sites as (
    select * from {{ ref('stg_raw__sites') }}
),

models as (
    select * from {{ ref('stg_raw__models') }}
),

weights as (
    select * from {{ ref('stg_raw__weights') }}
),

-- Large joins go by number: four bytes, instead of the names of a run, a site and two models.
pairs as (
    select
        row_number() over (order by pairs.run, sites.site, pairs.model, pairs.other_model)::integer as pair,
        pairs.run,
        pairs.relation,
        sites.site,
        pairs.model,
        pairs.other_model,
        runs.baseline_draws as n_draws,
        (runs.plan ->> '$.depth_window') is null as is_everywhere
    from {{ ref('stg_raw__pairs') }} as pairs
    inner join runs on pairs.run = runs.run
    inner join sites
        on
            pairs.run = sites.run
            and pairs.model = sites.model
    where pairs.measured_in = pairs.run
),

bests as not materialized (
    select
        pairs.pair,
        bests.*
    from {{ ref('stg_raw__bests') }} as bests
    inner join pairs
        on
            bests.run = pairs.run
            and bests.site = pairs.site
            and bests.model = pairs.model
            and bests.other_model = pairs.other_model
    where {{ of_new_runs('bests.run') }}
),

baselines as not materialized (
    select
        pairs.pair,
        baselines.layer,
        baselines.neuron,
        baselines.kind,
        baselines.draw,
        baselines.max_corr
    from {{ ref('stg_raw__baselines') }} as baselines
    inner join pairs
        on
            baselines.run = pairs.run
            and baselines.site = pairs.site
            and baselines.model = pairs.model
            and baselines.other_model = pairs.other_model
    where {{ of_new_runs('baselines.run') }}
),

-- Every draw is a maximum already.
drawn as (
    select
        pair,
        layer,
        neuron,
        {{ exact_sum('max_corr') }} as sum_1,
        {{ exact_sum('max_corr ** 2') }} as sum_2,
        count(*) as n
    from baselines
    where kind = 'rotation'
    group by pair, layer, neuron
),

chance as (
    select
        pair,
        layer,
        neuron,
        {{ as_number('sum_1') }} / n as baseline,
        case
            when n > 1
                then
                    sqrt(
                        greatest(0, {{ as_number('sum_2') }} - {{ as_number('sum_1') }} ** 2 / n) / (n - 1)
                    )
        end as baseline_sd
    from drawn
),

-- Few runs have them.
controls as (
    select
        {% for kind in ['shift', 'noise', 'twin'] %}
        {% set of_kind = "case when kind = '" ~ kind ~ "' then max_corr end" %}
        {{ as_number(exact_sum(of_kind)) }} / nullif(count({{ of_kind }}), 0) as {{ kind }}_corr,
        {% endfor %}
        pair,
        layer,
        neuron
    from baselines
    where kind <> 'rotation'
    group by pair, layer, neuron
),

-- The lists of most and least correlated neurons may both hold it in a small model.
selves as (
    select
        pairs.pair,
        partners.layer,
        partners.neuron,
        any_value(partners.corr)::double as self_corr
    from {{ ref('stg_raw__partners') }} as partners
    inner join pairs
        on
            partners.run = pairs.run
            and partners.site = pairs.site
            and partners.model = pairs.model
            and partners.other_model = pairs.other_model
    where
        pairs.relation = 'step'
        and partners.other_layer = partners.layer
        and partners.other_neuron = partners.neuron
    group by pairs.pair, partners.layer, partners.neuron
),

effect_matches as (
    select
        pairs.pair,
        matches.layer,
        matches.neuron,
        matches.effect_corr,
        matches.free_effect_corr
    from {{ ref('stg_raw__effect_matches') }} as matches
    inner join pairs
        on
            matches.run = pairs.run
            and matches.model = pairs.model
            and matches.other_model = pairs.other_model
    where pairs.site = 'mlp'
),

effect_layers as (
    select
        pairs.pair,
        layers.layer,
        layers.other_layer,
        layers.effect_corr_mean,
        layers.effect_corr_sd,
        layers.free_effect_corr_mean,
        layers.free_effect_corr_sd
    from {{ ref('stg_raw__effect_layers') }} as layers
    inner join pairs
        on
            layers.run = pairs.run
            and layers.model = pairs.model
            and layers.other_model = pairs.other_model
    where pairs.site = 'mlp'
),

back as (
    select
        there.pair,
        bests.layer,
        bests.neuron,
        bests.other_layer,
        bests.other_neuron
    from bests
    inner join pairs as there
        on
            bests.run = there.run
            and bests.site = there.site
            and bests.model = there.other_model
            and bests.other_model = there.model
),

alive as (
    select
        bests.pair,
        bests.layer,
        bests.neuron,
        bests.max_corr,
        bests.other_layer,
        bests.other_neuron,
        bests.min_corr,
        bests.influence as z_influence,
        bests.n_groups,
        false as is_dead,
        chance.baseline,
        chance.baseline_sd,
        controls.shift_corr,
        controls.noise_corr,
        controls.twin_corr,
        coalesce(back.other_layer = bests.layer and back.other_neuron = bests.neuron, false) as is_mutual,
        selves.self_corr,
        effect_matches.effect_corr,
        effect_layers.effect_corr_mean as random_effect_corr,
        effect_layers.effect_corr_sd as random_effect_sd,
        effect_matches.free_effect_corr,
        effect_layers.free_effect_corr_mean as random_free_effect_corr,
        effect_layers.free_effect_corr_sd as random_free_effect_sd
    from bests
    left join chance
        on
            bests.pair = chance.pair
            and bests.layer = chance.layer
            and bests.neuron = chance.neuron
    left join controls
        on
            bests.pair = controls.pair
            and bests.layer = controls.layer
            and bests.neuron = controls.neuron
    left join back
        on
            bests.pair = back.pair
            and bests.other_layer = back.layer
            and bests.other_neuron = back.neuron
    left join selves
        on
            bests.pair = selves.pair
            and bests.layer = selves.layer
            and bests.neuron = selves.neuron
    left join effect_matches
        on
            bests.pair = effect_matches.pair
            and bests.layer = effect_matches.layer
            and bests.neuron = effect_matches.neuron
    left join effect_layers
        on
            bests.pair = effect_layers.pair
            and bests.layer = effect_layers.layer
            and bests.other_layer = effect_layers.other_layer
),

-- Every neuron of a model has weights; dead ones have no correlations.
units as (
    select
        pairs.pair,
        pairs.run,
        pairs.site,
        pairs.is_everywhere,
        weights.layer,
        weights.neuron
    from pairs
    inner join models
        on
            pairs.run = models.run
            and pairs.model = models.model
    inner join weights
        on
            models.measured_in = weights.run
            and models.model = weights.model
    where pairs.site = 'mlp'
    union all
    select
        pairs.pair,
        pairs.run,
        pairs.site,
        pairs.is_everywhere,
        layers.layer::smallint as layer,
        entries.neuron::integer as neuron
    from pairs
    inner join sites
        on
            pairs.run = sites.run
            and pairs.site = sites.site
            and pairs.model = sites.model
    cross join unnest(range(sites.n_layers)) as layers (layer)
    cross join unnest(range(sites.width)) as entries (neuron)
    where pairs.site <> 'mlp'
),

-- A dead unit has 0 for what its run measured.
measured as (
    select
        pairs.run,
        pairs.site,
        {% for kind in ['shift', 'noise', 'twin'] %}
        case when bool_or(baselines.kind = '{{ kind }}') then 0 end as {{ kind }}_corr,
        {% endfor %}
        case when bool_or(baselines.kind = 'rotation') then 0 end as baseline,
        case when bool_or(baselines.kind = 'rotation' and baselines.draw > 0) then 0 end as baseline_sd
    from baselines
    inner join pairs on baselines.pair = pairs.pair
    group by pairs.run, pairs.site
),

-- Under a depth window a layer may have no layer of like depth in a partner: then there is nothing to say of its units.
compared as (
    select distinct
        pair,
        layer
    from bests
),

dead as (
    select
        units.pair,
        units.layer,
        units.neuron,
        0 as max_corr,
        null as other_layer,
        null as other_neuron,
        0 as min_corr,
        null as z_influence,
        null as n_groups,
        true as is_dead,
        measured.baseline,
        measured.baseline_sd,
        measured.shift_corr,
        measured.noise_corr,
        measured.twin_corr,
        false as is_mutual,
        null as self_corr,
        null as effect_corr,
        null as random_effect_corr,
        null as random_effect_sd,
        null as free_effect_corr,
        null as random_free_effect_corr,
        null as random_free_effect_sd
    from units
    anti join bests
        on
            units.pair = bests.pair
            and units.layer = bests.layer
            and units.neuron = bests.neuron
    left join measured
        on
            units.run = measured.run
            and units.site = measured.site
    left join compared
        on
            units.pair = compared.pair
            and units.layer = compared.layer
    where units.is_everywhere or compared.pair is not null
),

filled as (
    select * from alive
    union all
    select * from dead
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
        -- As precise as what was written, and half the size.
        [part * slope for part in z_influence]::float[] as influence,
        z_se * slope as corr_se,
        case when z_margin is not null then least(max_corr, tanh(z - z_margin)) end as corr_low,
        case when z_margin is not null then greatest(max_corr, tanh(z + z_margin)) end as corr_high
    from transformed
),

named as (
    select
        pairs.run,
        pairs.relation,
        pairs.site,
        pairs.model,
        pairs.other_model,
        pairs.n_draws,
        judged.* exclude (pair)  -- noqa: RF02
    from judged
    inner join pairs on judged.pair = pairs.pair
)

select * from named
