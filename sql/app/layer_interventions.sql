-- What leaving a layer out, exchanging it with the next one and running it twice do.
select * exclude (run)
from marts.layer_interventions
where intervention <> 'lens'
order by model, intervention, layer
