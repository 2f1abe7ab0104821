-- At any threshold, also at one below 0, which is a dead neuron's excess.
-- depends_on: {{ ref('neuron_universality') }}
select *
from marts.rule_universal(-1)
where is_dead and is_universal
