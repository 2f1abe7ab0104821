with

steps as (
    select * from {{ ref('neuron_steps') }}
),

step_pairs as (
    select * from {{ ref('int_step_pairs') }}
),

scores as (
    select * from {{ ref('int_comparison_scores') }}
    where comparison = 'seeds'
),

halves as (
    select * from {{ ref('int_step_halves') }}
),

-- Without each of the 16 groups of documents; both steps have the same groups if one run measured them.
jackknifed as (
    select
        steps.*,
        case when steps.run = step_pairs.run_from then earlier.excess_without end as without_from,
        case when steps.run = step_pairs.run_from then later.excess_without end as without_to,
        earlier.is_dead as is_dead_from,
        later.is_dead as is_dead_to
    from steps
    inner join step_pairs on steps.model_from = step_pairs.model_from
    inner join scores as earlier
        on
            steps.model_from = earlier.model
            and steps.layer = earlier.layer
            and steps.neuron = earlier.neuron
    inner join scores as later
        on
            steps.model_to = later.model
            and steps.layer = later.layer
            and steps.neuron = later.neuron
),

scoped as (
    select
        'model' as scope,
        null::smallint as scope_layer,
        *
    from jackknifed
    union all
    select
        'L' || layer as scope,
        layer as scope_layer,
        *
    from jackknifed
),

-- What a set of as many neurons of the same layer, drawn at random, would share with those of the earlier step.
expected as (
    select
        model_from,
        layer,
        count(*) filter (where is_universal_from) * count(*) filter (where is_universal_to) / count(*) as n_by_chance
    from jackknifed
    group by model_from, layer
),

ranked as (
    select
        *,
        {{ mean_rank_percentile('excess_from', 'model_from, scope, is_dead') }} as rank_from,
        {{ mean_rank_percentile('excess_to', 'model_from, scope, is_dead') }} as rank_to
    from scoped
),

counted as (
    select
        model_family,
        seed,
        step_from,
        step_to,
        model_from,
        model_to,
        scope,
        scope_layer as layer,
        count(*)::integer as n_neurons,
        (count(*) filter (where is_universal_from))::integer as n_from,
        (count(*) filter (where is_universal_to))::integer as n_to,
        (count(*) filter (where change = 'kept'))::integer as n_kept,
        (count(*) filter (where change = 'born'))::integer as n_born,
        (count(*) filter (where change = 'died'))::integer as n_died,
        corr(rank_from, rank_to) filter (where not is_dead) as excess_rank_corr,
        median(self_corr) filter (where is_universal_from) as self_corr_universal,
        median(self_corr) filter (where not is_universal_from and not is_dead) as self_corr_rest,
        100 * count(self_corr) / nullif(count(*) filter (where is_self_compared and not is_dead), 0) as pct_self_known,
        100 * sum(n_partners_kept) filter (where is_universal_from)
        / nullif(sum(n_partners) filter (where is_universal_from), 0) as pct_partners_kept_universal,
        100 * sum(n_partners_kept) filter (where not is_universal_from)
        / nullif(sum(n_partners) filter (where not is_universal_from), 0) as pct_partners_kept_rest,
        {{ persistence_without_a_group(var('universal_threshold')) }} as pct_without,
        any_value(run) as run
    from ranked
    group by
        model_family, seed, step_from, step_to, model_from, model_to, scope, scope_layer
),

chance as (
    select
        counted.model_from,
        counted.scope,
        sum(expected.n_by_chance) as n_by_chance
    from counted
    inner join expected
        on
            counted.model_from = expected.model_from
            and (counted.layer is null or counted.layer = expected.layer)
    group by counted.model_from, counted.scope
),

persistence as (
    select
        counted.*,
        100.0 * counted.n_kept / nullif(counted.n_from, 0) as pct_persistent,
        {{ t_quantile('list_count(counted.pct_without) - 1') }}
        * sqrt((list_count(counted.pct_without) - 1) * list_var_pop(counted.pct_without)) as pct_margin,
        pct_persistent + pct_margin as pct_above,
        case when pct_above is not null then greatest(0, pct_persistent - pct_margin) end as pct_low,
        case when pct_above is not null then least(100, pct_above) end as pct_high,
        100.0 * counted.n_kept / nullif(counted.n_kept + counted.n_born + counted.n_died, 0) as pct_jaccard,
        100 * chance.n_by_chance / nullif(counted.n_from, 0) as pct_floor,
        100.0 * halves.n_in_other_half / nullif(halves.n_in_halves, 0) as pct_ceiling,
        100.0 * halves.n_in_other_half_later / nullif(halves.n_in_halves, 0) as pct_between_halves
    from counted
    inner join chance
        on
            counted.model_from = chance.model_from
            and counted.scope = chance.scope
    left join halves
        on
            counted.model_from = halves.model_from
            and counted.scope = halves.scope
)

select
    model_family,
    seed,
    step_from,
    step_to,
    scope,
    layer,
    model_from,
    model_to,
    n_neurons,
    n_from,
    n_to,
    n_kept,
    n_born,
    n_died,
    pct_persistent,
    pct_low,
    pct_high,
    pct_floor,
    pct_ceiling,
    pct_between_halves,
    pct_jaccard,
    excess_rank_corr,
    self_corr_universal,
    self_corr_rest,
    pct_self_known,
    pct_partners_kept_universal,
    pct_partners_kept_rest,
    run
from persistence
order by model_family, seed, step_from, scope
