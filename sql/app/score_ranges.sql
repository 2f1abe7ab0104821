-- Between which values do the scores lie that cut-offs are set against?
-- $model: name of the model
with

roles as (
    select
        max(score) filter (where role in ('prediction', 'suppression')) as largest_kurt,
        max(score) filter (where role = 'partition') as largest_var,
        max(score) filter (where role = 'attention') as largest_attention
    from marts.neuron_roles
    where model = $model::varchar
),

supports as (
    select
        max(support) as largest_support,
        max(l2_penalty) as largest_l2,
        max(layer) + 1 as n_layers
    from marts.neurons
    where model = $model::varchar
)

select
    roles.largest_kurt,
    roles.largest_var,
    roles.largest_attention,
    supports.largest_support,
    supports.largest_l2,
    supports.n_layers
from roles
cross join supports
