{# The published rule; where the excess is not known, a published subset of universal neurons bounds it. #}
{% macro is_universal(rows, above) -%}
    case
        when {{ rows }}.excess_corr is not null then not {{ rows }}.is_dead and {{ rows }}.excess_corr > {{ above }}
        when {{ rows }}.excess_bound <= {{ above }} then false
    end
{%- endmacro %}
