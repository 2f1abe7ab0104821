-- At any threshold, also at one below 0, which is a dead neuron's excess, and however little text decides.
-- depends_on: {{ ref('neuron_universality') }}
select *
from marts.rule_universal(-1, 0)
where is_dead and (is_universal or universal_call <> 'no' or n_partners_above > 0)
