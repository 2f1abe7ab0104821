{#
    Rows of a finished run never change. A table that keeps one run's rows beside another's, and that no opinion touches,
    is incremental: a build adds the runs that it does not have. `of_new_runs` is the condition for its inputs.
#}
{% macro of_new_runs(column) -%}
    {%- if model.resource_type != 'unit_test' and is_incremental() -%}
        {%- set missing -%}
            select run from raw.runs where status = 'finished' and run not in (select run from {{ this }})
        {%- endset -%}
        {{ column }} in ('{{ run_query(missing).columns[0].values() | join("', '") }}')
    {%- else -%}
        true
    {%- endif -%}
{%- endmacro %}

{#
    What such a table was made by: its own query and those below it. A table that was made by something else is made anew.
    It is kept as the table's comment.
#}
{% macro fingerprint() -%}
    {%- if not execute -%}
        {{ return('') }}
    {%- endif -%}
    {%- set below = [model.unique_id] -%}
    {%- for id in below -%}
        {%- for input in graph.nodes[id].depends_on.nodes if input in graph.nodes and input not in below -%}
            {%- do below.append(input) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return('made by ' ~ checksum_of(below)) }}
{%- endmacro %}

{#
    A checksum of models and tests, with the macros that tables by run are made with and the one var that decides what is
    summed. The id of a generic test says on which columns it is; what columns ask of their values is not in it.
#}
{% macro checksum_of(ids) -%}
    {%- set parts = [
        var('moment_strata') | join(' '), effective_df('a', 'b'), t_quantile('a'), heldout_reduction('a', 'b'),
        exact_sum('a'), as_number('a'), mean_rank_percentile('a', 'b'), halves_compared(),
        percentiles_of(own_properties()),
    ] -%}
    {%- for id in ids | sort -%}
        {%- do parts.append(id ~ graph.nodes[id].checksum.checksum) -%}
    {%- endfor -%}
    {{ return(local_md5(parts | join(' '))) }}
{%- endmacro %}

{# Rows of models whose neurons say something else by now. #}
{% macro forget_changed_models() -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where (model, made_of) not in (select (model, made_of) from {{ ref('int_property_hashes') }})
    {%- endif -%}
{%- endmacro %}

{# dbt asks this of every incremental table: whether to make it anew. #}
{% macro should_full_refresh() %}
    {% set asked = flags.FULL_REFRESH if config.get('full_refresh') is none else config.get('full_refresh') %}
    {% if asked or not execute or model.config.materialized != 'incremental' %}
        {{ return(asked) }}
    {% endif %}
    {% set kept -%}
        select comment from duckdb_tables()
        where (database_name, schema_name, table_name) = ('{{ this.database }}', '{{ this.schema }}', '{{ this.name }}')
    {%- endset %}
    {{ return(run_query(kept).columns[0].values() | list != [fingerprint()]) }}
{% endmacro %}
