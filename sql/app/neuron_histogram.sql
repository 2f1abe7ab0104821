-- How often does a neuron's pre-activation fall into each bin?
-- $model: name of the model
-- $layer: block, from 0
-- $neuron: entry of the hidden vector, from 0
with

histograms as (
    select * from marts.neuron_histograms
    where model = $model::varchar and layer = $layer::integer and neuron = $neuron::integer
),

bins as (
    select
        unnest(bin_edges[:-2]) as low,
        unnest(bin_edges[2:]) as high,
        unnest(bin_counts) as n_positions,
        n_below,
        n_above,
        list_sum(bin_counts) + n_below + n_above as n_all
    from histograms
)

select * from bins
order by low
