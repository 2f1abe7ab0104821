with

comparisons as (
    select * from {{ ref('int_comparisons') }}
    where site = 'mlp'
),

neuron_pairs as (
    select
        *,
        max_corr - baseline as excess
    from {{ ref('int_neuron_pairs') }}
    where site = 'mlp'
),

supports as (
    select * from {{ ref('int_supports') }}
),

-- Ordered, so that two builds agree to the last bit and so do the labels.
means as (
    select
        comparisons.comparison,
        comparisons.run,
        comparisons.moments_run,
        neuron_pairs.model,
        neuron_pairs.layer,
        neuron_pairs.neuron,
        max(neuron_pairs.max_corr) as max_corr,
        avg(neuron_pairs.max_corr order by neuron_pairs.other_model) as mean_corr,
        min(neuron_pairs.max_corr) as min_corr,
        max(neuron_pairs.baseline) as max_baseline,
        avg(neuron_pairs.baseline order by neuron_pairs.other_model) as mean_baseline,
        min(neuron_pairs.baseline) as min_baseline,
        avg(neuron_pairs.shift_corr order by neuron_pairs.other_model) as mean_shift,
        avg(neuron_pairs.noise_corr order by neuron_pairs.other_model) as mean_noise,
        avg(neuron_pairs.twin_corr order by neuron_pairs.other_model) as mean_twin,
        list(neuron_pairs.excess order by neuron_pairs.other_model) as excesses,
        stddev_samp(neuron_pairs.excess order by neuron_pairs.other_model) as sd_partners,
        sqrt(sum(neuron_pairs.baseline_sd ** 2 / neuron_pairs.n_draws order by neuron_pairs.other_model))
        / count(*) as se_draws,
        list(neuron_pairs.influence order by neuron_pairs.other_model)
        filter (where neuron_pairs.influence is not null) as influences,
        min(neuron_pairs.n_groups) filter (where neuron_pairs.influence is not null) as n_groups,
        count(*)::integer as n_partners,
        bool_and(neuron_pairs.is_dead) as is_dead
    from comparisons
    inner join neuron_pairs
        on
            comparisons.run = neuron_pairs.run
            and comparisons.model = neuron_pairs.model
            and comparisons.relation = neuron_pairs.relation
    group by
        comparisons.comparison,
        comparisons.run,
        comparisons.moments_run,
        neuron_pairs.model,
        neuron_pairs.layer,
        neuron_pairs.neuron
),

-- What each group of documents adds to the error of mean_corr: the groups are the same for every partner.
averaged as (
    select
        *,
        mean_corr - mean_baseline as excess_corr,
        case
            when influences is not null
                then [list_avg([influence[part] for influence in influences]) for part in range(1, 17)]
        end as influence
    from means
),

-- Sources of error stay apart: text (se_tokens), rotations (se_draws), and partners, which are no part of excess_se.
erring as (
    select
        *,
        [
            excess_corr - coalesce(part, 0) * sqrt(n_groups / nullif(n_groups - 1, 0)) for part in influence
        ] as excess_without,
        sqrt(list_sum([part ** 2 for part in influence])) as se_tokens,
        case when excess_corr is not null then sqrt(se_tokens ** 2 + coalesce(se_draws, 0) ** 2) end as excess_se,
        {{ effective_df('influence', 'n_groups') }} as df,
        {{ t_quantile('df') }} * excess_se as margin,
        excess_corr - margin as excess_low,
        excess_corr + margin as excess_high
    from averaged
),

scores as (
    select
        erring.*,
        supports.support
    from erring
    left join supports
        on
            erring.moments_run = supports.run
            and erring.model = supports.model
            and erring.layer = supports.layer
            and erring.neuron = supports.neuron
),

measured as (
    select
        comparison,
        run,
        model,
        layer,
        neuron,
        max_corr,
        mean_corr,
        min_corr,
        max_baseline,
        mean_baseline,
        min_baseline,
        mean_shift,
        mean_noise,
        mean_twin,
        excesses,
        sd_partners,
        se_draws,
        n_groups,
        n_partners,
        is_dead,
        excess_corr,
        null as excess_bound,
        excess_without,
        se_tokens,
        excess_se,
        excess_low,
        excess_high,
        support
    from scores
),

-- Published frames give no error; a universal subset says of the other neurons that their excess is small.
imported as (
    select
        'seeds' as comparison,
        run,
        model,
        layer,
        neuron,
        max_corr,
        mean_corr,
        min_corr,
        max_baseline,
        mean_baseline,
        min_baseline,
        null as mean_shift,
        null as mean_noise,
        null as mean_twin,
        null as excesses,
        null as sd_partners,
        null as se_draws,
        null as n_groups,
        null as n_partners,
        is_dead,
        excess_corr,
        excess_bound,
        null as excess_without,
        null as se_tokens,
        null as excess_se,
        null as excess_low,
        null as excess_high,
        null as support
    from {{ ref('int_imported_neurons') }}
    where not is_ingested
    qualify bool_or(coalesce(excess_corr, excess_bound) is not null) over (partition by model)
),

together as (
    select * from measured
    union all
    select * from imported
)

select * from together
