{# Readers open copies of the warehouse under another name, so stored SQL must not hold the database's name. #}
{% macro ref() %}
    {{ return(builtins.ref(*varargs, **kwargs).include(database=false)) }}
{% endmacro %}
