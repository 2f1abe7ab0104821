-- How many neurons have each role in the marts, and how many would have it under other cut-offs?
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
with

built as (
    select
        role,
        count(*) filter (where passes) as n_now,
        count(*) filter (where passes_published) as n_published_now
    from marts.neuron_roles
    where model = $model::varchar
    group by role
),

ruled as (
    select
        role,
        count(*) filter (where passes) as n_then,
        count(*) filter (where passes_published) as n_published_then
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
    group by role
),

compared as (
    select
        built.role,
        built.n_now,
        ruled.n_then,
        built.n_published_now,
        ruled.n_published_then
    from built
    inner join ruled on built.role = ruled.role
)

select * from compared
order by role
