{#
    The sum of numbers between -1 and 1, or not much beyond, as whole multiples of 2^-42: the same in whatever order they
    come, and whatever sums it is made of, to the last bit, for as long as it is less than 2,048. A double holds every
    step on the way, and an aggregate of doubles needs half the room of one of 64-bit integers.
#}
{% macro exact_sum(values) -%}
    sum(round({{ values }} * 4398046511104))
{%- endmacro %}

{# Such a sum as a number. #}
{% macro as_number(sum) -%}
    ({{ sum }} / 4398046511104)
{%- endmacro %}
