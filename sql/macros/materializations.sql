{#
    A relation is replaced where it stands, in one transaction: a build that fails or is killed leaves the old one. dbt's
    own ways make another one beside it and rename both, and write the new rows of an incremental table twice.
#}
{% materialization view, adapter='duckdb' %}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}
        {{ drop_what_is_there() }}
        {{ get_create_view_as_sql(this, sql) }}
        {{ described('view') }}
    {% endcall %}
    {{ return(finished('view')) }}
{% endmaterialization %}

{% materialization table, adapter='duckdb' %}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}
        {{ drop_what_is_there() }}
        {{ create_table_as(false, this, sql) }}
        {{ described('table') }}
    {% endcall %}
    {{ return(finished('table')) }}
{% endmaterialization %}

{% materialization incremental, adapter='duckdb' %}
    {{ run_hooks(pre_hooks) }}
    {% call statement('main') %}
        {% if load_cached_relation(this) and not should_full_refresh() %}
            insert into {{ this }} by name {{ sql }}
        {% else %}
            {{ drop_what_is_there() }}
            {{ create_table_as(false, this, sql) }}
        {% endif %}
    {% endcall %}
    {{ return(finished('table')) }}
{% endmaterialization %}

{# SQL that makes room for a relation of this name, whatever the one was that had it. #}
{% macro drop_what_is_there() %}
    {%- set existing = load_cached_relation(this) -%}
    {%- if existing -%}
        drop {{ existing.type }} {{ existing }};
    {%- endif -%}
{%- endmacro %}

{# SQL that puts the descriptions beside what was made. Its contract says which columns it has, so nothing is asked. #}
{% macro described(type) %}
    {%- if config.persist_relation_docs() -%}
        comment on {{ type }} {{ this }} is {{ duckdb_escape_comment(model.description) }};
        {% for name, column in model.columns.items() %}
            comment on column {{ this }}.{{ adapter.quote(name) }} is {{ duckdb_escape_comment(column.description) }};
        {% endfor %}
    {%- endif -%}
{%- endmacro %}

{# The end of the transaction; what dbt wants to know of it. #}
{% macro finished(type) %}
    {{ run_hooks(post_hooks) }}
    {% do adapter.commit() %}
    {{ return({'relations': [this.incorporate(type=type)]}) }}
{% endmacro %}
