{# The dbt vars that are numbers: what the rules of the labels and the intervals were made with. #}
{% macro rule_vars() -%}
    {{ return([
        'universal_threshold', 'support_cutoff',
        'unigram_cutoff', 'alphabet_cutoff', 'previous_token_cutoff', 'position_cutoff', 'syntax_cutoff',
        'semantic_cutoff',
        'role_kurt_cutoff', 'role_var_cutoff', 'role_null_share', 'role_null_part', 'role_entropy_layers',
        'role_entropy_l2_cutoff', 'role_entropy_var_cutoff', 'role_entropy_norm_share', 'role_attention_cutoff',
        'output_cutoff', 'bootstrap_draws',
    ]) }}
{%- endmacro %}
