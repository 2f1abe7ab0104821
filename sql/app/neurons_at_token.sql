-- The neurons that fire most at one token of a typed text.
-- $model: name of the model
-- $activations: JSON, for each layer a list of the activations of its neurons
-- $by: activation, or deviation: how far it is above the neuron's mean
-- $n: neurons at most
with

typed as (
    select from_json($activations::varchar, '[["FLOAT"]]') as of_layers
),

layers as (
    select
        generate_subscripts(of_layers, 1) - 1 as layer,
        unnest(of_layers) as activations
    from typed
),

fired as (
    select
        layer,
        generate_subscripts(activations, 1) - 1 as neuron,
        unnest(activations) as activation
    from layers
),

neurons as (
    select * from marts.neurons
    where model = $model::varchar
),

judged as (
    select
        neurons.model,
        neurons.layer,
        neurons.neuron,
        fired.activation,
        case when neurons.post_var > 0 then (fired.activation - neurons.post_mean) / sqrt(neurons.post_var) end
            as deviation,
        neurons.excess_corr,
        neurons.is_universal,
        neurons.family,
        neurons.role
    from fired
    inner join neurons
        on
            fired.layer = neurons.layer
            and fired.neuron = neurons.neuron
)

select * from judged
order by
    case when $by::varchar = 'deviation' then deviation else activation end desc nulls last,
    layer asc,
    neuron asc
limit $n::integer
