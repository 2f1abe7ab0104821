-- Between which values do the scores lie that cut-offs are set against?
-- $model: name of the model
with

roles as (
    select
        max(score) filter (where role <> 'partition') as largest_kurt,
        max(score) filter (where role = 'partition') as largest_var
    from marts.neuron_roles
    where model = $model::varchar
),

supports as (
    select max(support) as largest_support
    from marts.neurons
    where model = $model::varchar
)

select
    roles.largest_kurt,
    roles.largest_var,
    supports.largest_support
from roles
cross join supports
