with

comparisons as (
    select * from {{ ref('int_comparisons') }}
),

neuron_pairs as (
    select * from {{ ref('int_neuron_pairs') }}
),

-- Ordered, so that two builds agree to the last bit and so do the labels.
means as (
    select
        comparisons.comparison,
        comparisons.run,
        neuron_pairs.model,
        neuron_pairs.layer,
        neuron_pairs.neuron,
        max(neuron_pairs.max_corr) as max_corr,
        avg(neuron_pairs.max_corr order by neuron_pairs.other_model) as mean_corr,
        min(neuron_pairs.max_corr) as min_corr,
        max(neuron_pairs.baseline) as max_baseline,
        avg(neuron_pairs.baseline order by neuron_pairs.other_model) as mean_baseline,
        min(neuron_pairs.baseline) as min_baseline,
        count(*)::integer as n_partners,
        bool_and(neuron_pairs.is_dead) as is_dead
    from comparisons
    inner join neuron_pairs
        on
            comparisons.run = neuron_pairs.run
            and comparisons.model = neuron_pairs.model
            and comparisons.relation = neuron_pairs.relation
    group by
        comparisons.comparison,
        comparisons.run,
        neuron_pairs.model,
        neuron_pairs.layer,
        neuron_pairs.neuron
),

scores as (
    select
        *,
        mean_corr - mean_baseline as excess_corr
    from means
)

select * from scores
