{#
    The sum of numbers between -1 and 1, or not much beyond, as multiples of 2^-50: the same in whatever order they come,
    and whatever sums it is made of, to the last bit.
#}
{% macro exact_sum(values) -%}
    sum(({{ values }} * 1125899906842624)::bigint)
{%- endmacro %}

{# Such a sum as a number. #}
{% macro as_number(sum) -%}
    ({{ sum }} / 1125899906842624::double)
{%- endmacro %}
