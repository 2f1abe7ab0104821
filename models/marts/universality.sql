with

neurons as (
    select * from {{ ref('neurons') }}
),

universality as (
    select
        model,
        count(*)::integer as n_neurons,
        sum(is_dead::integer)::integer as n_dead,
        -- A sum, not a filtered count: NULL without a comparison.
        sum(is_universal::integer)::integer as n_universal,
        100.0 * sum(is_universal::integer) / count(*) as pct_universal,
        max(n_partners) as n_partners,
        avg(mean_corr) as mean_corr,
        avg(mean_baseline) as mean_baseline,
        avg(excess_corr) as mean_excess,
        any_value(run) as run
    from neurons
    group by model
    order by model
)

select * from universality
