with

speaking_runs as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'moments'
),

half_statistics as (
    select * from {{ ref('int_half_statistics') }}
),

universality_halves as (
    select * from {{ ref('half_universality') }}
),

paired as (
    select
        a.model,
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
        {{ mean_rank_percentile('value_a', 'model') }} as rank_a,
        {{ mean_rank_percentile('value_b', 'model') }} as rank_b
    from paired
),

excess as (
    select
        model,
        {{ halves_compared() }},
        100 * (count(*) filter (where label_a = label_b)) / nullif(count(label_a), 0) as pct_same_label,
        (count(*) filter (where label_a and label_b))
        / nullif(count(*) filter (where label_a or label_b), 0) as jaccard,
        any_value(run) as run
    from ranked
    group by model
),

together as (
    select
        half_statistics.model,
        half_statistics.statistic,
        half_statistics.n_neurons,
        half_statistics.n_first,
        half_statistics.n_second,
        half_statistics.r,
        half_statistics.rank_r,
        half_statistics.mean_difference,
        half_statistics.sd_difference,
        null as pct_same_label,
        null as jaccard,
        half_statistics.run
    from half_statistics
    inner join speaking_runs
        on
            half_statistics.run = speaking_runs.measured_in
            and half_statistics.model = speaking_runs.model
    union all
    select
        model,
        'excess_corr' as statistic,
        n_neurons,
        n_first,
        n_second,
        r,
        rank_r,
        mean_difference,
        sd_difference,
        pct_same_label,
        jaccard,
        run
    from excess
)

select * from together
order by model, statistic
