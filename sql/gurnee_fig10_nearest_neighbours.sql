-- Do universal neurons have near copies by weights in their own model more often than others?
-- Source: Gurnee et al. 2024, Figure 10
-- $model: name of a model; all models without it
-- $width: of a bin; 0.02 without it
with

neighbours as (
    select
        model,
        layer,
        neuron,
        vector,
        coalesce($width::double, 0.02) as width,
        floor(cosine / width) as bin
    from marts.neuron_neighbours
    where
        side = 'top'
        and ($model::varchar is null or model = $model::varchar)
),

nearest as (
    select
        neighbours.model,
        neighbours.vector,
        neurons.is_universal,
        neighbours.width,
        neighbours.bin,
        count(*)::integer as n_neurons
    from neighbours
    inner join marts.neurons as neurons
        on
            neighbours.model = neurons.model
            and neighbours.layer = neurons.layer
            and neighbours.neuron = neurons.neuron
    group by neighbours.model, neighbours.vector, neurons.is_universal, neighbours.width, neighbours.bin
),

densities as (
    select
        model,
        vector,
        is_universal,
        round(bin * width, 6) as bin_low,
        round((bin + 1) * width, 6) as bin_high,
        n_neurons,
        n_neurons / (width * sum(n_neurons) over (partition by model, vector, is_universal)) as density
    from nearest
)

select * from densities
order by model asc, vector asc, is_universal desc, bin_low asc
