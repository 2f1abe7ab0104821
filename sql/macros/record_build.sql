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
            now() as built_at;

        {% set kinds = ['model', 'test'] %}
        {% set every = graph.nodes.values() | selectattr('resource_type', 'in', kinds) | list %}
        {% if results | selectattr('node.resource_type', 'in', kinds) | list | length == every | length %}
        create or replace table intermediate.tested_runs as
        select
            run,
            '{{ project_checksum() }}' as tested_by
        from raw.runs
        where status = 'finished';

        comment on table intermediate.tested_runs is 'Runs whose rows a whole build has tested. One row per run.';
        comment on column intermediate.tested_runs.run is 'Id of the run.';
        comment on column intermediate.tested_runs.tested_by is 'Checksum of the models and tests.';
        {% endif %}

        comment on table marts.build_vars is 'Numbers that the labels were made with. One row per dbt var.';
        comment on column marts.build_vars.name is 'Name of the dbt var.';
        comment on column marts.build_vars.value is 'Its value.';
        comment on table marts.builds is 'The dbt build that made the marts. One row.';
        comment on column marts.builds.build is 'Id that dbt gave it.';
        comment on column marts.builds.built_at is 'When it ended.'
    {% endif %}
{% endmacro %}
