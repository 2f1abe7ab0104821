-- Quantiles of vocabulary kurtosis and skew, and shares of roles, of every layer.
select * exclude (run)
from marts.layer_profiles
order by model, layer
