-- depends_on: {{ ref('int_neuron_properties') }}
-- depends_on: {{ ref('stg_raw__vocabulary_nulls') }}
-- depends_on: {{ ref('stg_raw__null_spaces') }}
-- depends_on: {{ ref('stg_raw__head_scores') }}
-- depends_on: {{ ref('stg_raw__head_nulls') }}
with

ruled as (
    select *
    from marts.rule_role(
        {{ var('role_kurt_cutoff') }},
        {{ var('role_var_cutoff') }},
        {{ var('role_null_share') }},
        {{ var('role_null_part') }},
        {{ var('role_entropy_layers') }},
        {{ var('role_entropy_norm_share') }},
        {{ var('role_entropy_l2_cutoff') }},
        {{ var('role_entropy_var_cutoff') }},
        {{ var('role_attention_cutoff') }}
    )
)

select * from ruled
order by model, layer, neuron, role
