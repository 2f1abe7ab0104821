with

feature_scores as (
    select * from {{ ref('int_feature_scores') }}
    where {{ of_new_runs('run') }}
),

-- The five best of every family: enough for the best five of all, and for each family's own score and runner-up.
best as (
    select
        run,
        model,
        layer,
        neuron,
        family,
        max_by(
            {
                'feature': feature,
                'feature_kind': feature_kind,
                'lag': lag,
                'n_true': n_true,
                'mean_true': mean_true,
                'mean_false': mean_false,
                'variance_reduction': variance_reduction,
                'heldout_reduction': heldout_reduction
            },
            variance_reduction,
            5
        ) as features
    from feature_scores
    group by run, model, layer, neuron, family
),

listed as (
    select
        run,
        model,
        layer,
        neuron,
        family,
        unnest(features, recursive := true)  -- noqa: AL03
    from best
),

ranked as (
    select
        *,
        row_number() over (
            partition by run, model, layer, neuron, family
            order by variance_reduction desc, feature asc
        ) as rank_in_family
    from listed
)

select * from ranked
