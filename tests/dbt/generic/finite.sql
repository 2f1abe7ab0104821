{# No NaN and no infinity in any column of floating-point numbers: what does not exist is NULL. #}
{% test finite(model) %}

select *
from {{ untested(model) }}
where
    false
    {% for column in adapter.get_columns_in_relation(model) if column.dtype | upper in ['DOUBLE', 'FLOAT'] %}
    or not isfinite({{ column.quoted }})
    {% endfor %}

{% endtest %}
