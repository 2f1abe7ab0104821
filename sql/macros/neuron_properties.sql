{# What is said of a neuron beside other models' neurons. #}
{% macro compared_properties() -%}
    {{ return([
        'max_corr', 'mean_corr', 'min_corr', 'max_baseline', 'mean_baseline', 'min_baseline', 'excess_corr',
    ]) }}
{%- endmacro %}

{# What its model alone says of it. #}
{% macro own_properties() -%}
    {{ return([
        'support', 'w_in_norm', 'w_up_norm', 'w_out_norm', 'input_bias', 'in_out_sim', 'up_out_sim', 'l2_penalty',
        'mean', 'var', 'skew', 'kurt', 'sparsity', 'post_mean', 'post_var', 'post_kurt',
        'vocab_mean', 'vocab_var', 'vocab_skew', 'vocab_kurt', 'embed_mean', 'embed_var', 'embed_skew', 'embed_kurt',
        'frequency_corr',
        'logit_var', 'null_share_02', 'null_share_05', 'null_share_10',
    ]) }}
{%- endmacro %}

{# The numeric properties of a neuron, in the order of the columns of `neurons`; each one has a percentile. #}
{% macro neuron_properties() -%}
    {{ return(compared_properties() + own_properties()) }}
{%- endmacro %}

{#
    What may predict whether a neuron is universal: what its model alone says of it. `support` is left out, which is
    `post_kurt` upside down.
#}
{% macro predictors() -%}
    {{ return({
        'weights': [
            'w_in_norm', 'w_up_norm', 'w_out_norm', 'input_bias', 'in_out_sim', 'up_out_sim', 'l2_penalty',
            'vocab_mean', 'vocab_var', 'vocab_skew', 'vocab_kurt', 'embed_mean', 'embed_var', 'embed_skew', 'embed_kurt',
            'frequency_corr', 'logit_var', 'null_share_02', 'null_share_05', 'null_share_10',
        ],
        'moments': ['mean', 'var', 'skew', 'kurt', 'sparsity', 'post_mean', 'post_var', 'post_kurt'],
    }) }}
{%- endmacro %}
