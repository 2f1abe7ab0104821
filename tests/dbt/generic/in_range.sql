{# Values that are there lie in [at_least, at_most], or in (above, at_most]. Leave correlations room for rounding. #}
{% test in_range(model, column_name, at_least=none, above=none, at_most=none) %}

{% set bounds = [('<', at_least), ('<=', above), ('>', at_most)] %}

select {{ column_name }} as out_of_range
from {{ untested(model) }}
where
    false
    {% for sign, bound in bounds if bound is not none %}
    or {{ column_name }} {{ sign }} {{ bound }}
    {% endfor %}

{% endtest %}
