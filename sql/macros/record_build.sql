{#
    Readers compare the build they opened with the latest one; a failed run is no new version. The numbers that the
    labels were made with are kept beside them: a reader's other cut-offs start there.
#}
{% macro record_build(results) %}
    {% set failed = results | rejectattr('status', 'in', ['success', 'pass', 'warn', 'no-op']) | list %}
    {% if results and not failed %}
        create or replace table marts.build_vars as
        select
            name,
            value
        from (
            values
            {% for name in rule_vars() %}
            ('{{ name }}', {{ var(name) }}::double){{ ',' if not loop.last }}
            {% endfor %}
        ) as vars (name, value);

        create or replace table marts.builds as
        select
            '{{ invocation_id }}' as build,
            now() as built_at
    {% endif %}
{% endmacro %}
