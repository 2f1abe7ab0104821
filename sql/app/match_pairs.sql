-- Which pairs of models have been compared neuron by neuron?
select
    model,
    other_model,
    any_value(relation) as relation
from marts.layer_matches
group by model, other_model
order by model, other_model
