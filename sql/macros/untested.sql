{#
    What tests of a table that holds every run's rows have to look at. Rows of finished runs do not change: those of runs
    that a whole build has tested, with the same models and tests, need no second look.
#}
{% macro of_untested_runs(column) -%}
    {%- set known = adapter.get_relation(target.database, 'intermediate', 'tested_runs') if execute -%}
    {%- if known and not flags.FULL_REFRESH -%}
        {#- Asked once: the graph is what all nodes of a build have in common. -#}
        {%- if 'untested_runs' not in graph -%}
            {%- set untested -%}
                select run from raw.runs where run not in (
                    select run from intermediate.tested_runs where tested_by = '{{ project_checksum() }}'
                )
            {%- endset -%}
            {%- do graph.update({'untested_runs': run_query(untested).columns[0].values()}) -%}
        {%- endif -%}
        {{ column }} in ('{{ graph.untested_runs | join("', '") }}')
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{# A model as its tests read it: whole, but for those that hold every run's rows. #}
{% macro untested(relation) -%}
    {%- set node = graph.nodes.get('model.neuron_warehouse.' ~ relation.identifier, {}) if execute else {} -%}
    {%- set place = node.get('fqn', []) -%}
    {%- if 'by_run' in place or 'staging' in place -%}
        (select * from {{ relation }} where {{ of_untested_runs('run') }}) as untested_rows
    {%- else -%}
        {{ relation }}
    {%- endif -%}
{%- endmacro %}

{#
    What the warehouse is tested as, and by: a new test, or a new rule of a column, looks at every run. The SQL of generic
    tests is out of a macro's reach: after a change of it, build with --full-refresh.
#}
{% macro project_checksum() -%}
    {%- set asked, rules = [], [] -%}
    {%- for id, node in graph.nodes.items() if node.resource_type in ('model', 'test') -%}
        {%- do asked.append(id) -%}
        {%- for name, column in node.columns.items() if column.config.meta -%}
            {%- do rules.append(id ~ name ~ column.config.meta) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(local_md5(checksum_of(asked) ~ rules | sort | join(' '))) }}
{%- endmacro %}
