{% set quantities = {
    'corr': 'max_corr', 'baseline': 'baseline', 'shift': 'shift_corr', 'noise': 'noise_corr', 'twin': 'twin_corr'
} %}
{% set is_missing = 'true' %}
{% if is_incremental() %}
{% set is_missing = 'pairs.measured_in = pairs.run or pairs.run not in (select extended.run from extended)' %}
{% endif %}
with

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished' and {{ of_new_runs('run') }}
),

pairs as (
    select pairs.*
    from {{ ref('stg_raw__pairs') }} as pairs
    inner join runs on pairs.run = runs.run
),

{% if is_incremental() %}
-- Runs that extend one whose sums are here: what the new pairs add is added to them.
extended as (
    select distinct
        runs.run,
        runs.parent
    from runs
    inner join pairs on runs.run = pairs.run
    where pairs.measured_in <> pairs.run and runs.parent in (select known.run from {{ this }} as known)
),
{% endif %}

-- Large joins and groups go by number: four bytes, instead of the names of a run, a relation and a model.
members as (
    select
        row_number() over (order by run, relation, model)::integer as member,
        run,
        relation,
        model
    from pairs
    group by run, relation, model
),

-- By pair, before the neurons: only those rows are read then.
missing as (
    select
        pairs.measured_in,
        pairs.model,
        pairs.other_model,
        members.member
    from pairs
    inner join members
        on
            pairs.run = members.run
            and pairs.relation = members.relation
            and pairs.model = members.model
    where {{ is_missing }}
),

neuron_pairs as (
    select
        missing.member,
        neuron_pairs.layer,
        neuron_pairs.neuron,
        neuron_pairs.max_corr,
        neuron_pairs.baseline,
        neuron_pairs.baseline_sd,
        neuron_pairs.n_draws,
        neuron_pairs.shift_corr,
        neuron_pairs.noise_corr,
        neuron_pairs.twin_corr,
        neuron_pairs.influence,
        neuron_pairs.n_groups,
        neuron_pairs.is_dead,
        neuron_pairs.max_corr - neuron_pairs.baseline as excess
    from missing
    inner join {{ ref('int_neuron_pairs') }} as neuron_pairs
        on
            missing.measured_in = neuron_pairs.run
            and missing.model = neuron_pairs.model
            and missing.other_model = neuron_pairs.other_model
    where neuron_pairs.site = 'mlp'
),

summed as (
    select
        member,
        layer,
        neuron,
        count(*)::integer as n_partners,
        bool_and(is_dead) as is_dead,
        max(max_corr) as max_corr,
        min(max_corr) as min_corr,
        max(baseline) as max_baseline,
        min(baseline) as min_baseline,
        {% for name, column in quantities.items() %}
        count({{ column }}) as {{ name }}_n,
        {{ exact_sum(column) }} as {{ name }}_sum,
        {% endfor %}
        {{ exact_sum('baseline_sd ** 2 / n_draws') }} as draws_sum,
        list(excess::float) as excesses,
        count(influence) as influence_n,
        [
            {% for part in range(1, 17) %}
            {{ exact_sum('influence[' ~ part ~ ']') }}{{ ',' if not loop.last }}
            {% endfor %}
        ] as influence_sums,
        min(n_groups) filter (where influence is not null) as n_groups
    from neuron_pairs
    group by member, layer, neuron
),

{% if is_incremental() %}
known as (
    select
        members.member,
        scores.* exclude (run, relation, model)  -- noqa: RF02
    from {{ this }} as scores
    inner join extended on scores.run = extended.parent
    inner join members
        on
            extended.run = members.run
            and scores.relation = members.relation
            and scores.model = members.model
),

-- A model that is new has no sums yet, and one whose relation to the new ones is another has nothing to add.
added as (
    select
        coalesce(summed.member, known.member) as member,
        coalesce(summed.layer, known.layer) as layer,
        coalesce(summed.neuron, known.neuron) as neuron,
        coalesce(summed.n_partners, 0) + coalesce(known.n_partners, 0) as n_partners,
        coalesce(summed.is_dead, true) and coalesce(known.is_dead, true) as is_dead,
        greatest(summed.max_corr, known.max_corr) as max_corr,
        least(summed.min_corr, known.min_corr) as min_corr,
        greatest(summed.max_baseline, known.max_baseline) as max_baseline,
        least(summed.min_baseline, known.min_baseline) as min_baseline,
        {% for name in quantities %}
        coalesce(summed.{{ name }}_n, 0) + coalesce(known.{{ name }}_n, 0) as {{ name }}_n,
        coalesce(summed.{{ name }}_sum + known.{{ name }}_sum, summed.{{ name }}_sum, known.{{ name }}_sum)
            as {{ name }}_sum,
        {% endfor %}
        coalesce(summed.draws_sum + known.draws_sum, summed.draws_sum, known.draws_sum) as draws_sum,
        list_concat(summed.excesses, known.excesses) as excesses,
        coalesce(summed.influence_n, 0) + coalesce(known.influence_n, 0) as influence_n,
        [
            {% for part in range(1, 17) %}
            coalesce(
                summed.influence_sums[{{ part }}] + known.influence_sums[{{ part }}],
                summed.influence_sums[{{ part }}],
                known.influence_sums[{{ part }}]
            ){{ ',' if not loop.last }}
            {% endfor %}
        ] as influence_sums,
        least(summed.n_groups, known.n_groups) as n_groups
    from summed
    full join known
        on
            summed.member = known.member
            and summed.layer = known.layer
            and summed.neuron = known.neuron
),
{% else %}
added as (
    select * from summed
),
{% endif %}

-- What each group of documents adds to the error of mean_corr: the groups are the same for every partner.
averaged as (
    select
        * exclude (excesses),
        list_sort(excesses) as excesses,
        {% for name in quantities %}
        {{ as_number(name ~ '_sum') }} / nullif({{ name }}_n, 0) as mean_{{ name }},
        {% endfor %}
        sqrt({{ as_number('draws_sum') }}) / n_partners as se_draws,
        case
            when influence_n > 0
                then [{{ as_number('part') }} / influence_n for part in influence_sums]
        end as influence
    from added
),

-- Sources of error stay apart: text (se_tokens), rotations (se_draws), and partners, which are no part of excess_se.
erring as (
    select
        * exclude (influence),
        mean_corr - mean_baseline as excess_corr,
        list_aggregate(excesses, 'stddev_samp') as sd_partners,
        [
            excess_corr - coalesce(part, 0) * sqrt(n_groups / nullif(n_groups - 1, 0)) for part in influence
        ]::float[] as excess_without,
        sqrt(list_sum([part ** 2 for part in influence])) as se_tokens,
        case when excess_corr is not null then sqrt(se_tokens ** 2 + coalesce(se_draws, 0) ** 2) end as excess_se,
        {{ effective_df('influence', 'n_groups') }} as df,
        {{ t_quantile('df') }} * excess_se as margin,
        excess_corr - margin as excess_low,
        excess_corr + margin as excess_high
    from averaged
),

named as (
    select
        members.run,
        members.relation,
        members.model,
        erring.* exclude (member, df, margin)  -- noqa: RF02
    from erring
    inner join members on erring.member = members.member
)

select * from named
