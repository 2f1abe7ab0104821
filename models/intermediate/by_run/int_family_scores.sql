with

ranked_features as (
    select * from {{ ref('int_ranked_features') }}
    where family not in ('next_token', 'row_start') and {{ of_new_runs('run') }}
),

explained as (
    select * from {{ ref('int_explained') }}
    where variable = 'position' and {{ of_new_runs('run') }}
),

by_feature as (
    select
        run,
        model,
        layer,
        neuron,
        family,
        any_value(feature) filter (where rank_in_family = 1) as feature,
        any_value(lag) filter (where rank_in_family = 1) as lag,
        any_value(variance_reduction) filter (where rank_in_family = 1) as score,
        any_value(heldout_reduction) filter (where rank_in_family = 1) as heldout_score,
        any_value(feature) filter (where rank_in_family = 2) as next_feature,
        any_value(variance_reduction) filter (where rank_in_family = 2) as next_score
    from ranked_features
    group by run, model, layer, neuron, family
),

by_position as (
    select
        run,
        model,
        layer,
        neuron,
        'position' as family,
        'position' as feature,
        0::tinyint as lag,
        eta_squared as score,
        null::double as heldout_score,
        null::varchar as next_feature,
        null::double as next_score
    from explained
),

scores as (
    select * from by_feature
    union all
    select * from by_position
)

select * from scores
