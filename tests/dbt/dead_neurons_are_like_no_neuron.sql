-- In one row of the mart a dead neuron has no correlation and no verdict but no, whichever runs its columns come from.
select
    model,
    layer,
    neuron
from {{ ref('neurons') }}
where is_dead and (is_universal or excess_corr != 0 or max_corr != 0)
