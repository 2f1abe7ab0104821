{# Pearson correlation from sums; NULL where one of the two quantities does not vary. #}
{% macro correlation_of_sums(n, x, y, xx, yy, xy) -%}
    case
        when
            ({{ xx }}) - ({{ x }}) ** 2 / nullif({{ n }}, 0) > 0
            and ({{ yy }}) - ({{ y }}) ** 2 / nullif({{ n }}, 0) > 0
            then
                (({{ xy }}) - ({{ x }}) * ({{ y }}) / ({{ n }}))
                / sqrt(({{ xx }}) - ({{ x }}) ** 2 / ({{ n }}))
                / sqrt(({{ yy }}) - ({{ y }}) ** 2 / ({{ n }}))
    end
{%- endmacro %}
