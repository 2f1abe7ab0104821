{#
    How often a unit is drawn in one draw of a bootstrap: Poisson of mean 1, which stands for drawing with replacement. A
    function of (draw, unit) alone, so that the same build gives the same interval, and all edits share their documents.
#}
{% macro poisson_weight(uniform) -%}
    case
        when {{ uniform }} < 0.36787944117144233 then 0
        when {{ uniform }} < 0.73575888234288467 then 1
        when {{ uniform }} < 0.91969860292860584 then 2
        when {{ uniform }} < 0.98101184312384626 then 3
        when {{ uniform }} < 0.99634015317265634 then 4
        when {{ uniform }} < 0.99940581518241833 then 5
        else 6
    end
{%- endmacro %}

{# A number in [0, 1) that looks random: from a hash of a text. #}
{% macro hashed_uniform(text) -%}
    ('0x' || left(md5({{ text }}), 13))::bigint / 4503599627370496.0
{%- endmacro %}
