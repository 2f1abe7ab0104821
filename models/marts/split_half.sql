{% set statistics = ['mean', 'var', 'skew', 'kurt', 'sparsity'] %}
with

neurons as (
    select * from {{ ref('neurons') }}
    where is_dead is not true
),

activation_halves as (
    select * from {{ ref('int_activation_halves') }}
),

moments as (
    select * from {{ ref('int_moments') }}
),

universality_halves as (
    select * from {{ ref('half_universality') }}
),

described as (
    select
        halves.run,
        halves.model,
        halves.layer,
        halves.neuron,
        halves.half,
        halves.n,
        moments.mean,
        moments.var,
        moments.skew,
        moments.kurt,
        halves.n_positive / halves.n as sparsity
    from activation_halves as halves
    inner join moments
        on
            halves.run = moments.run
            and halves.model = moments.model
            and halves.layer = moments.layer
            and halves.neuron = moments.neuron
            and 'pre_' || halves.half = moments.quantity
    semi join neurons
        on
            halves.model = neurons.model
            and halves.layer = neurons.layer
            and halves.neuron = neurons.neuron
            and halves.run = neurons.moments_run
),

paired as (
    select
        a.model,
        a.layer,
        a.neuron,
        a.n as n_a,
        b.n as n_b,
        {% for statistic in statistics %}
        a.{{ statistic }} as {{ statistic }}_a,
        b.{{ statistic }} as {{ statistic }}_b,
        {% endfor %}
        a.run
    from described as a
    inner join described as b
        on
            a.run = b.run
            and a.model = b.model
            and a.layer = b.layer
            and a.neuron = b.neuron
            and a.half = 'first'
            and b.half = 'second'
),

values_of_halves as (
    {% for statistic in statistics %}
    select
        model,
        '{{ statistic }}' as statistic,
        layer,
        neuron,
        n_a,
        n_b,
        {{ statistic }}_a as value_a,
        {{ statistic }}_b as value_b,
        null::boolean as label_a,
        null::boolean as label_b,
        run
    from paired
    where {{ statistic }}_a is not null and {{ statistic }}_b is not null
    union all
    {% endfor %}
    select
        a.model,
        'excess_corr' as statistic,
        a.layer,
        a.neuron,
        a.n_positions as n_a,
        b.n_positions as n_b,
        a.excess_corr as value_a,
        b.excess_corr as value_b,
        a.is_universal as label_a,
        b.is_universal as label_b,
        a.run
    from universality_halves as a
    inner join universality_halves as b
        on
            a.run = b.run
            and a.model = b.model
            and a.layer = b.layer
            and a.neuron = b.neuron
            and a.first_group = 0
            and b.first_group = 8
),

ranked as (
    select
        *,
        {{ mean_rank_percentile('value_a', 'model, statistic') }} as rank_a,
        {{ mean_rank_percentile('value_b', 'model, statistic') }} as rank_b
    from values_of_halves
),

compared as (
    select
        model,
        statistic,
        count(*)::integer as n_neurons,
        max(n_a) as n_first,
        max(n_b) as n_second,
        corr(value_a, value_b order by layer, neuron) as pearson,
        corr(rank_a, rank_b order by layer, neuron) as spearman,
        avg(value_b - value_a order by layer, neuron) as mean_difference,
        stddev_samp(value_b - value_a order by layer, neuron) as sd_difference,
        100 * (count(*) filter (where label_a = label_b)) / nullif(count(label_a), 0) as pct_same_label,
        (count(*) filter (where label_a and label_b))
        / nullif(count(*) filter (where label_a or label_b), 0) as jaccard,
        any_value(run) as run
    from ranked
    group by model, statistic
),

-- Where a half does not vary there is no correlation.
finished as (
    select
        model,
        statistic,
        n_neurons,
        n_first,
        n_second,
        case when isfinite(pearson) then pearson end as r,
        case when isfinite(spearman) then spearman end as rank_r,
        mean_difference,
        sd_difference,
        pct_same_label,
        jaccard,
        run
    from compared
)

select * from finished
order by model, statistic
