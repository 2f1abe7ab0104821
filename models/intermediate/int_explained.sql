with

explained as (
    select * from {{ ref('stg_raw__explained') }}
),

half_sums as (
    select * from {{ ref('int_half_sums') }}
),

shares as (
    select
        explained.run,
        explained.model,
        explained.layer,
        explained.neuron,
        explained.variable,
        explained.ss_between / nullif(half_sums.ss_total, 0) as eta_squared,
        explained.n_values,
        explained.is_complete,
        explained.mutual_information
    from explained
    inner join half_sums
        on
            explained.run = half_sums.run
            and explained.model = half_sums.model
            and explained.layer = half_sums.layer
            and explained.neuron = half_sums.neuron
)

select * from shares
