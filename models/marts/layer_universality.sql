with

neurons as (
    select * from {{ ref('neurons') }}
),

scores as (
    select * from {{ ref('int_comparison_scores') }}
    where comparison = 'seeds'
),

judged as (
    select
        neurons.*,
        scores.excess_without
    from neurons
    left join scores
        on
            neurons.model = scores.model
            and neurons.layer = scores.layer
            and neurons.neuron = scores.neuron
),

counted as (
    select
        model,
        layer,
        {{ universality_aggregates() }}
    from judged
    group by model, layer
),

universality as (
    select
        *,
        {{ interval_of_share('n_without') }}
    from counted
)

select * exclude (n_without, pct_margin) from universality
order by model, layer
