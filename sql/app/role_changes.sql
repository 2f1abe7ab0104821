-- Which neurons would other cut-offs let into a role or out of it? marts.rule_role with them, against the marts.
-- $model: name of the model
-- $role_kurt_cutoff: as the dbt var of this name
-- $role_var_cutoff: as the dbt var of this name
-- $role_null_share: as the dbt var of this name
-- $role_null_part: as the dbt var of this name
-- $role_entropy_layers: as the dbt var of this name
-- $role_entropy_norm_share: as the dbt var of this name
-- $role_entropy_l2_cutoff: as the dbt var of this name
-- $role_entropy_var_cutoff: as the dbt var of this name
-- $role_attention_cutoff: as the dbt var of this name
-- $n: neurons at most
with

built as (
    select * from marts.neuron_roles
    where model = $model::varchar
),

ruled as (
    select *
    from
        marts.rule_role(
            $role_kurt_cutoff::double,
            $role_var_cutoff::double,
            $role_null_share::double,
            $role_null_part::double,
            $role_entropy_layers::double,
            $role_entropy_norm_share::double,
            $role_entropy_l2_cutoff::double,
            $role_entropy_var_cutoff::double,
            $role_attention_cutoff::double
        )
    where model = $model::varchar
),

compared as (
    select
        built.model,
        built.layer,
        built.neuron,
        built.role,
        built.passes as passes_now,
        ruled.passes as passes_then,
        built.passes_published as published_now,
        ruled.passes_published as published_then,
        ruled.score,
        ruled.cutoff,
        ruled.null_quantile,
        neurons.is_universal
    from built
    inner join ruled
        on
            built.layer = ruled.layer
            and built.neuron = ruled.neuron
            and built.role = ruled.role
    inner join marts.neurons as neurons
        on
            built.model = neurons.model
            and built.layer = neurons.layer
            and built.neuron = neurons.neuron
    where
        built.passes is distinct from ruled.passes
        or built.passes_published is distinct from ruled.passes_published
)

select * from compared
order by role asc, score desc, layer asc, neuron asc
limit $n::integer
