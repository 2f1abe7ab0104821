with

neurons as (
    select * from {{ ref('neurons') }}
),

scores as (
    select * from {{ ref('int_comparison_scores') }}
    where comparison = 'seeds'
),

halves as (
    select
        model,
        layer,
        neuron,
        any_value(excess_corr) filter (where first_group = 0 and last_group = 8) as first_excess,
        any_value(excess_corr) filter (where first_group = 8 and last_group = 16) as second_excess
    from {{ ref('int_partial_scores') }}
    where comparison = 'seeds'
    group by model, layer, neuron
),

judged as (
    select
        neurons.*,
        scores.excess_without,
        not scores.is_dead and scores.mean_twin - scores.mean_baseline > {{ var('universal_threshold') }} as is_floor,
        halves.first_excess > {{ var('universal_threshold') }} as is_first,
        halves.second_excess > {{ var('universal_threshold') }} as is_second
    from neurons
    left join scores
        on
            neurons.model = scores.model
            and neurons.layer = scores.layer
            and neurons.neuron = scores.neuron
    left join halves
        on
            neurons.model = halves.model
            and neurons.layer = halves.layer
            and neurons.neuron = halves.neuron
),

-- A neuron that is silent in one half cannot be universal in both.
counted as (
    select
        model,
        {{ universality_aggregates() }},
        sum(is_first::integer)::integer as n_universal_first_half,
        sum(is_second::integer)::integer as n_universal_second_half,
        case
            when count(is_first) > 0 and count(is_second) > 0
                then (count(*) filter (where is_first and is_second))::integer
        end as n_universal_both_halves,
        100.0 * sum(is_floor::integer) / count(*) as pct_universal_twin
    from judged
    group by model
),

universality as (
    select
        *,
        {{ interval_of_share('n_without') }}
    from counted
)

select * exclude (n_without, pct_margin) from universality
order by model
