with

partial_bests as (
    select * from {{ ref('stg_raw__partial_bests') }}
    where site = 'mlp'
),

pairs as (
    select * from {{ ref('int_compared_pairs') }}
    where site = 'mlp'
),

scores as (
    select
        pairs.comparison,
        pairs.run,
        partial_bests.model,
        partial_bests.layer,
        partial_bests.neuron,
        partial_bests.first_group,
        partial_bests.last_group,
        any_value(partial_bests.n_positions) as n_positions,
        avg(partial_bests.max_corr - partial_bests.baseline order by partial_bests.other_model) as excess_corr
    from partial_bests
    inner join pairs
        on
            partial_bests.run = pairs.measured_in
            and partial_bests.model = pairs.model
            and partial_bests.other_model = pairs.other_model
    group by
        pairs.comparison,
        pairs.run,
        partial_bests.model,
        partial_bests.layer,
        partial_bests.neuron,
        partial_bests.first_group,
        partial_bests.last_group
)

select * from scores
