with

neuron_pairs as (
    select * from {{ ref('int_neuron_pairs') }}
),

comparisons as (
    select * from {{ ref('int_comparisons') }}
    where is_speaking
),

partners as (
    select
        neuron_pairs.model,
        neuron_pairs.layer,
        neuron_pairs.neuron,
        neuron_pairs.other_model,
        neuron_pairs.max_corr,
        neuron_pairs.other_layer,
        neuron_pairs.other_neuron,
        null::double as corr_se,
        neuron_pairs.min_corr,
        neuron_pairs.baseline,
        neuron_pairs.baseline_sd,
        neuron_pairs.is_mutual,
        neuron_pairs.relation,
        neuron_pairs.run
    from neuron_pairs
    inner join comparisons
        on
            neuron_pairs.run = comparisons.run
            and neuron_pairs.model = comparisons.model
            and neuron_pairs.relation = comparisons.relation
    order by neuron_pairs.model, neuron_pairs.layer, neuron_pairs.neuron, neuron_pairs.other_model
)

select * from partners
