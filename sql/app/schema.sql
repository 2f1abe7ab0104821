-- Which tables are there, what is in their columns, and what does it mean?
with

tables as (
    select
        schema_name,
        table_name,
        comment
    from duckdb_tables()
    where database_name = current_database()
    union all
    select
        schema_name,
        view_name as table_name,
        comment
    from duckdb_views()
    where database_name = current_database() and not internal
),

columns_of_tables as (
    select
        tables.schema_name,
        tables.table_name,
        tables.comment as table_comment,
        columns_there.column_index,
        columns_there.column_name,
        columns_there.data_type,
        columns_there.comment as column_comment
    from duckdb_columns() as columns_there
    inner join tables
        on
            columns_there.schema_name = tables.schema_name
            and columns_there.table_name = tables.table_name
    where columns_there.database_name = current_database()
)

select * from columns_of_tables
order by schema_name, table_name, column_index
