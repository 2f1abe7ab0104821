{# Readers compare the build they opened with the latest one; a failed run is no new version. #}
{% macro record_build(results) %}
    {% set failed = results | rejectattr('status', 'in', ['success', 'pass', 'warn', 'no-op']) | list %}
    {% if results and not failed %}
        create or replace table marts.builds as
        select
            '{{ invocation_id }}' as build,
            now() as built_at
    {% endif %}
{% endmacro %}
