-- Which quantiles of random directions are known?
select distinct quantile as share
from staging.stg_raw__vocabulary_nulls
where statistic = 'vocab_kurt'
order by share
