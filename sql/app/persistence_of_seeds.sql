-- Whether universal neurons stay universal until the next checkpoint, for each seed.
select * exclude (run)
from marts.persistence
order by model_family, step_from, scope, seed
