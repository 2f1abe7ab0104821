with

half_sums as (
    select * from {{ ref('int_half_sums') }}
),

feature_counts as (
    select * from {{ ref('int_feature_counts') }}
),

feature_sums as (
    select * from {{ ref('stg_raw__feature_sums') }}
),

side_by_side as (
    select
        a.run,
        a.model,
        a.layer,
        a.neuron,
        a.source,
        a.lag,
        generate_subscripts(a.sums, 1)::integer as place,
        unnest(a.sums)::double as true_a,
        unnest(b.sums)::double as true_b
    from feature_sums as a
    inner join feature_sums as b
        on
            a.run = b.run
            and a.model = b.model
            and a.layer = b.layer
            and a.neuron = b.neuron
            and a.source = b.source
            and a.lag = b.lag
            and a.half = 0
            and b.half = 1
),

joined as (
    select
        side_by_side.run,
        side_by_side.model,
        side_by_side.layer,
        side_by_side.neuron,
        side_by_side.lag,
        side_by_side.true_a,
        side_by_side.true_b,
        feature_counts.feature,
        feature_counts.feature_kind,
        feature_counts.family,
        feature_counts.n_true_a,
        feature_counts.n_true_b,
        half_sums.n_a,
        half_sums.sum_a,
        half_sums.squares_a,
        half_sums.n_b,
        half_sums.sum_b,
        half_sums.squares_b,
        half_sums.n,
        half_sums.total,
        half_sums.ss_total,
        half_sums.post_shift
    from side_by_side
    inner join feature_counts
        on
            side_by_side.run = feature_counts.run
            and side_by_side.source = feature_counts.source
            and side_by_side.place = feature_counts.place
            and side_by_side.lag = feature_counts.lag
    inner join half_sums
        on
            side_by_side.run = half_sums.run
            and side_by_side.model = half_sums.model
            and side_by_side.layer = half_sums.layer
            and side_by_side.neuron = half_sums.neuron
),

scores as (
    select
        run,
        model,
        layer,
        neuron,
        lag,
        feature,
        feature_kind,
        family,
        n_true_a + n_true_b as n_true,
        n,
        post_shift + (true_a + true_b) / (n_true_a + n_true_b) as mean_true,
        post_shift + (total - true_a - true_b) / nullif(n - n_true_a - n_true_b, 0) as mean_false,
        (
            (true_a + true_b) ** 2 / (n_true_a + n_true_b)
            + (total - true_a - true_b) ** 2 / nullif(n - n_true_a - n_true_b, 0)
            - total ** 2 / n
        ) / nullif(ss_total, 0) as variance_reduction,
        (
            {{ heldout_reduction('a', 'b') }}
            + {{ heldout_reduction('b', 'a') }}
        ) / 2 as heldout_reduction
    from joined
)

select * from scores
