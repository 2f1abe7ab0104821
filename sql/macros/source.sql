{# As for ref: no database name in stored SQL. #}
{% macro source() %}
    {{ return(builtins.source(*varargs).include(database=false)) }}
{% endmacro %}
