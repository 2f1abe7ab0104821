-- With the largest excess as the threshold nobody is universal; just below it somebody is.
with

largest as (
    select max(excess_corr) as excess_corr
    from {{ ref('neuron_universality') }}
    where not is_dead
),

at_largest as (
    select 'universal at its own excess' as finding
    from marts.rule_universal((select largest.excess_corr from largest), 0)
    where is_universal
),

below_largest as (
    select 'not universal below its own excess' as finding
    from marts.rule_universal((select largest.excess_corr - 1e-9 from largest), 0)
    having not coalesce(bool_or(is_universal), true)
),

findings as (
    select * from at_largest
    union all
    select * from below_largest
)

select * from findings
