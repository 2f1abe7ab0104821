-- Everything that is known of every layer of the models whose layers were read.
select * exclude (run)
from marts.layer_stages
order by model, layer
