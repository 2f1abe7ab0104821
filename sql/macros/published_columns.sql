{# What a published frame may say about a neuron; the names are those of `neurons`. #}
{% macro published_columns() -%}
    {{ return([
        'max_corr', 'mean_corr', 'min_corr', 'max_baseline', 'mean_baseline', 'min_baseline', 'excess_corr',
        'w_in_norm', 'w_out_norm', 'input_bias', 'in_out_sim', 'l2_penalty',
        'mean', 'var', 'skew', 'kurt', 'sparsity', 'vocab_mean', 'vocab_var', 'vocab_skew', 'vocab_kurt',
    ]) }}
{%- endmacro %}
