-- One neuron: its labels, how universal it is and what speaks for its family.
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
with

neurons as (
    select * from marts.neurons
    where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
),

universality as (
    select * from marts.neuron_universality
    where comparison = 'seeds'
),

families as (
    select * from marts.neuron_families
),

described as (
    select
        neurons.model,
        neurons.layer,
        neurons.neuron,
        neurons.is_dead,
        neurons.is_universal,
        neurons.universal_call,
        neurons.mean_corr,
        neurons.mean_baseline,
        neurons.excess_corr,
        universality.excess_se,
        universality.excess_low,
        universality.excess_high,
        neurons.n_partners,
        universality.n_partners_above,
        neurons.support,
        neurons.mean,
        neurons.role,
        neurons.family,
        families.feature,
        families.lag,
        families.strength,
        families.heldout_strength,
        families.n_families,
        families.runner_up_family,
        families.runner_up_feature,
        families.runner_up_strength
    from neurons
    left join universality
        on
            neurons.model = universality.model
            and neurons.layer = universality.layer
            and neurons.neuron = universality.neuron
    left join families
        on
            neurons.model = families.model
            and neurons.layer = families.layer
            and neurons.neuron = families.neuron
)

select * from described
