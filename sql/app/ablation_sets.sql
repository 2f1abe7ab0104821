-- The effect of every set that was ablated in one scope, the asked one and its controls.
-- $model: name of a model
-- $neurons: the set as the study names it
-- $mode: zero or mean
-- $scope: model, or a layer such as L0
select
    control,
    draw,
    n_neurons,
    delta_loss,
    kl,
    agreement,
    delta_entropy
from marts.ablation_sets
where
    model = $model::varchar
    and neurons = $neurons::varchar
    and mode = $mode::varchar
    and scope = $scope::varchar
order by control, draw
