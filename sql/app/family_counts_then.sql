-- How many neurons have each family in the marts, and how many would have it under other cut-offs?
-- $model: name of the model
-- $unigram_cutoff: as the dbt var of this name
-- $alphabet_cutoff: as the dbt var of this name
-- $previous_token_cutoff: as the dbt var of this name
-- $position_cutoff: as the dbt var of this name
-- $syntax_cutoff: as the dbt var of this name
-- $semantic_cutoff: as the dbt var of this name
-- $support_cutoff: as the dbt var of this name
with

built as (
    select * from marts.neuron_families
    where model = $model::varchar
),

ruled as (
    select *
    from
        marts.rule_family(
            $unigram_cutoff::double,
            $alphabet_cutoff::double,
            $previous_token_cutoff::double,
            $position_cutoff::double,
            $syntax_cutoff::double,
            $semantic_cutoff::double,
            $support_cutoff::double
        )
    where model = $model::varchar
),

compared as (
    select
        coalesce(built.family, 'not judged') as family_now,
        coalesce(ruled.family, 'not judged') as family_then,
        count(*) as n_neurons,
        count(*) filter (where built.is_universal) as n_universal
    from built
    inner join ruled
        on
            built.run = ruled.run
            and built.layer = ruled.layer
            and built.neuron = ruled.neuron
    group by family_now, family_then
)

select * from compared
order by family_now, family_then
