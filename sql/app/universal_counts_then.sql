-- How many neurons are universal in the marts, and how many would be with another threshold?
-- $comparison: who the partners are, such as seeds
-- $model: name of the model
-- $universal_threshold: as the dbt var of this name
-- $support_cutoff: as the dbt var of this name
with

built as (
    select
        count(*) filter (where is_universal) as n_now,
        count(*) filter (where universal_call = 'yes') as n_yes_now,
        count(*) filter (where universal_call = 'undecided') as n_undecided_now
    from marts.neuron_universality
    where comparison = $comparison::varchar and model = $model::varchar
),

ruled as (
    select
        count(*) filter (where is_universal) as n_then,
        count(*) filter (where universal_call = 'yes') as n_yes_then,
        count(*) filter (where universal_call = 'undecided') as n_undecided_then
    from marts.rule_universal($universal_threshold::double, $support_cutoff::double)
    where comparison = $comparison::varchar and model = $model::varchar
)

select
    built.n_now,
    ruled.n_then,
    built.n_yes_now,
    ruled.n_yes_then,
    built.n_undecided_now,
    ruled.n_undecided_then
from built
cross join ruled
