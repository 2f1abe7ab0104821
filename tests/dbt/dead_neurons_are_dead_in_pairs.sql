-- Moments and correlations of one run agree on which neurons are dead, so no row of bests is missing or too many.
with

disagreeing as (
    select
        neuron_pairs.run,
        neuron_pairs.model,
        neuron_pairs.layer,
        neuron_pairs.neuron,
        neuron_pairs.other_model
    from {{ ref('int_neuron_pairs') }} as neuron_pairs
    inner join {{ ref('stg_raw__models') }} as models
        on
            neuron_pairs.run = models.run
            and neuron_pairs.model = models.model
    inner join {{ ref('int_activation_sums') }} as activations
        on
            models.measured_in = activations.run
            and neuron_pairs.model = activations.model
            and neuron_pairs.layer = activations.layer
            and neuron_pairs.neuron = activations.neuron
    where
        {{ of_untested_runs('neuron_pairs.run') }}
        and neuron_pairs.site = 'mlp'
        and neuron_pairs.is_dead <> activations.is_dead
)

select * from disagreeing
