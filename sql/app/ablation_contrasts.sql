-- Ablated sets against their controls: all columns of the mart.
select * exclude (run)
from marts.ablation_contrasts
order by model, neurons, mode, control, scope
