-- The members of a family with their evidence, the strongest first.
-- $model: name of a model; all without it
-- $layer: block, from 0; all layers without it
-- $family: name of the family
-- $only_universal: whether to leave the others out
-- $n: neurons at most
select * exclude (run)
from marts.neuron_families
where
    family = $family::varchar
    and ($model::varchar is null or model = $model::varchar)
    and ($layer::integer is null or layer = $layer::integer)
    and (is_universal or not coalesce($only_universal::boolean, false))
order by strength desc nulls last, model asc, layer asc, neuron asc
limit $n::integer
