-- Where do the buttons of a neuron's page lead: the one before, the one after, the next universal one, any one?
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
-- $draw: a number that decides which one is any one
with

neurons as (
    select
        struct_pack(layer := layer, neuron := neuron) as place,
        is_universal,
        (layer, neuron) < ($layer::integer, $neuron::integer) as is_before,
        (layer, neuron) > ($layer::integer, $neuron::integer) as is_after,
        hash(layer, neuron, $draw::integer) as lot
    from marts.neurons
    where model = $model::varchar
),

-- The next universal one after the last is the first.
steps as (
    select
        'previous' as step,
        max(place) filter (where is_before) as place
    from neurons
    union all
    select
        'next' as step,
        min(place) filter (where is_after) as place
    from neurons
    union all
    select
        'next universal' as step,
        coalesce(
            min(place) filter (where is_after and is_universal), min(place) filter (where is_before and is_universal)
        ) as place
    from neurons
    union all
    select
        'random' as step,
        min_by(place, lot) as place
    from neurons
)

select
    step,
    place['layer'] as layer,
    place['neuron'] as neuron
from steps
where place is not null
