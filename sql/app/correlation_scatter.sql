-- Correlation against baseline: every universal neuron, and as many of the others as can be drawn.
-- $comparison: who the partners are, such as seeds
-- $model: name of a model
-- $layer: block, from 0; all layers without it
-- $n: neurons at most
with

neurons as (
    select
        model,
        layer,
        neuron,
        mean_baseline,
        mean_corr,
        excess_corr,
        excess_low,
        excess_high,
        is_universal,
        universal_call,
        support
    from marts.neuron_universality
    where
        comparison = $comparison::varchar
        and model = $model::varchar
        and ($layer::integer is null or layer = $layer::integer)
        and excess_corr is not null
        and not is_dead
),

-- Any of the others, but the same ones every time.
drawn as (
    select
        *,
        count(*) over () as n_all
    from neurons
    qualify row_number() over (order by is_universal desc, hash(layer, neuron)) <= $n::integer
),

labelled as (
    select
        drawn.*,
        neurons.family,
        neurons.role
    from drawn
    left join marts.neurons as neurons
        on
            drawn.model = neurons.model
            and drawn.layer = neurons.layer
            and drawn.neuron = neurons.neuron
)

select * from labelled
order by layer, neuron
