-- Which neurons would other cut-offs move from one family to another? marts.rule_family with them, against the marts.
-- $model: name of the model
-- $unigram_cutoff: as the dbt var of this name
-- $alphabet_cutoff: as the dbt var of this name
-- $previous_token_cutoff: as the dbt var of this name
-- $position_cutoff: as the dbt var of this name
-- $syntax_cutoff: as the dbt var of this name
-- $semantic_cutoff: as the dbt var of this name
-- $support_cutoff: as the dbt var of this name
-- $n: neurons at most
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
        built.model,
        built.layer,
        built.neuron,
        coalesce(built.family, 'not judged') as family_now,
        coalesce(ruled.family, 'not judged') as family_then,
        ruled.feature,
        ruled.lag,
        ruled.strength,
        ruled.heldout_strength,
        ruled.support,
        built.is_universal
    from built
    inner join ruled
        on
            built.run = ruled.run
            and built.layer = ruled.layer
            and built.neuron = ruled.neuron
    where built.family is distinct from ruled.family
)

select * from compared
order by strength desc nulls last, layer asc, neuron asc
limit $n::integer
