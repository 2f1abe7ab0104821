-- Of which parts of the unembedding's null space are the shares of output weights known?
select distinct part
from staging.stg_raw__null_spaces
order by part
