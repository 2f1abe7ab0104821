with

scores as (
    select * from {{ ref('int_output_scores') }}
    where variance_reduction is not null and {{ of_new_runs('run') }}
),

best as (
    select
        run,
        model,
        layer,
        neuron,
        max_by(
            {
                'feature': feature,
                'feature_kind': feature_kind,
                'n_true': n_true,
                'mean_true': mean_true,
                'mean_false': mean_false,
                'variance_reduction': variance_reduction
            },
            { 'reduction': variance_reduction, 'feature': feature },
            5
        ) as features
    from scores
    group by run, model, layer, neuron
),

listed as (
    select
        run,
        model,
        layer,
        neuron,
        generate_subscripts(features, 1)::integer as rank,
        unnest(features, recursive := true)  -- noqa: AL03
    from best
)

select * from listed
