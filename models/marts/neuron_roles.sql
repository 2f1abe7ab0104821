-- depends_on: {{ ref('int_neuron_properties') }}
-- depends_on: {{ ref('stg_raw__vocabulary_nulls') }}
with

ruled as (
    select *
    from marts.rule_role(
        {{ var('role_kurt_cutoff') }},
        {{ var('role_var_cutoff') }},
        {{ var('role_null_share') }}
    )
)

select * from ruled
order by model, layer, neuron, role
