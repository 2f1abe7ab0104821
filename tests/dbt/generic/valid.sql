{#
    The columns of `key` identify a row, and none of them is missing. Values are what the columns say of them under `meta`:
    not_null, among, at_least, above, at_most; what is NULL passes all but the first. Leave correlations room for rounding.
    No number is NaN or infinite: what does not exist is NULL. A row for each rule that is broken.
#}
{% test valid(model, key=()) %}

{% set node = graph.nodes.get('model.neuron_warehouse.' ~ model.identifier, {}) if execute else {} %}
{% set broken = {} %}
{% for name in key %}
    {% do broken.update({name ~ ' is NULL': name ~ ' is null'}) %}
{% endfor %}
{% for name, column in node.get('columns', {}).items() %}
    {% for rule, bound in column.config.meta.items() %}
        {% if rule == 'not_null' %}
            {% do broken.update({name ~ ' is NULL': name ~ ' is null'}) %}
        {% elif rule == 'among' %}
            {% set known = "('" ~ bound | join("', '") ~ "')" %}
            {% do broken.update({name ~ ' is another one': name ~ '::varchar not in ' ~ known}) %}
        {% elif rule in ['at_least', 'above', 'at_most'] %}
            {% set sign = {'at_least': '<', 'above': '<=', 'at_most': '>'}[rule] %}
            {% do broken.update({name ~ ' ' ~ sign ~ ' ' ~ bound: name ~ ' ' ~ sign ~ ' ' ~ bound}) %}
        {% else %}
            {% do exceptions.raise_compiler_error(model.identifier ~ '.' ~ name ~ ': there is no rule ' ~ rule) %}
        {% endif %}
    {% endfor %}
{% endfor %}
{% set columns = adapter.get_column_schema_from_query('from ' ~ model) if execute else [] %}
{% for column in columns if column.dtype | upper in ['DOUBLE', 'FLOAT'] %}
    {% do broken.update({column.name ~ ' is not finite': 'not isfinite(' ~ column.quoted ~ ')'}) %}
{% endfor %}

with

counts as (
    select
        {% for words, condition in broken.items() %}
        count(*) filter (where {{ condition }}) as "{{ words }}",
        {% endfor %}
        0 as none
    from {{ untested(model) }}
),

found as (
    from (unpivot counts on columns(*) into name rule value n_rows)
    {% if key %}
    union all
    select
        'more than one row of a {{ key | join(', ') }}' as rule,
        count(*) as n_rows
    from (
        select {{ key | join(', ') }}
        from {{ untested(model) }}
        group by all
        having count(*) > 1
    )
    {% endif %}
)

select * from found
where n_rows > 0

{% endtest %}
