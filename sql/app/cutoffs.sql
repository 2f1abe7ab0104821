-- With which values of the dbt vars were the marts built?
select
    name,
    value
from marts.build_vars
order by name
