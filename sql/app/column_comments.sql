-- What does a column of this name mean, in the marts?
select
    column_name,
    any_value(comment order by table_name) as comment
from duckdb_columns()
where schema_name = 'marts' and comment is not null
group by column_name
order by column_name
