-- Which neurons would another threshold make universal, or not? marts.rule_universal with it, against the marts.
-- $comparison: who the partners are, such as seeds
-- $model: name of the model
-- $universal_threshold: as the dbt var of this name
-- $support_cutoff: as the dbt var of this name
-- $n: neurons at most
with

built as (
    select * from marts.neuron_universality
    where comparison = $comparison::varchar and model = $model::varchar
),

ruled as (
    select *
    from marts.rule_universal($universal_threshold::double, $support_cutoff::double)
    where comparison = $comparison::varchar and model = $model::varchar
),

compared as (
    select
        built.model,
        built.layer,
        built.neuron,
        built.is_universal as is_universal_now,
        ruled.is_universal as is_universal_then,
        built.universal_call as call_now,
        ruled.universal_call as call_then,
        ruled.excess_corr,
        ruled.excess_low,
        ruled.excess_high,
        ruled.support
    from built
    inner join ruled
        on
            built.layer = ruled.layer
            and built.neuron = ruled.neuron
    where
        built.is_universal is distinct from ruled.is_universal
        or built.universal_call is distinct from ruled.universal_call
)

select * from compared
order by excess_corr desc, layer asc, neuron asc
limit $n::integer
