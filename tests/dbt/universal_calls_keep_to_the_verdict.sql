-- A call of yes or no is never against the published point rule: the interval holds the estimate.
-- depends_on: {{ ref('neuron_universality') }}
select *
from marts.rule_universal({{ var('universal_threshold') }}, {{ var('support_cutoff') }})
where
    (universal_call = 'yes' and not is_universal)
    or (universal_call = 'no' and is_universal)
    or (universal_call is null) <> (is_universal is null)
