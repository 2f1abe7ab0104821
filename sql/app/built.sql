-- When were the marts built?
select max(built_at) as built_at
from marts.builds
