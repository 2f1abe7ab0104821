-- The neurons of a list with what is known of them; one that is not in this warehouse stands without.
-- $places: JSON, a list of [model, layer, neuron]
with

listed as (
    select unnest(from_json($places::varchar, '[["VARCHAR"]]')) as place
),

named as (
    select
        place[1] as model,
        place[2]::integer as layer,
        place[3]::integer as neuron
    from listed
)

select
    named.model,
    named.layer,
    named.neuron,
    neurons.excess_corr,
    neurons.is_universal,
    neurons.universal_call,
    neurons.family,
    neurons.role,
    neurons.mean_corr,
    neurons.support,
    neurons.skew,
    neurons.kurt,
    neurons.sparsity,
    neurons.w_out_norm,
    neurons.vocab_kurt
from named
left join marts.neurons as neurons
    on
        named.model = neurons.model
        and named.layer = neurons.layer
        and named.neuron = neurons.neuron
order by named.model, named.layer, named.neuron
