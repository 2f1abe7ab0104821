-- Which neurons follow the position in the row, the most informed first?
-- $model: name of a model; all models without it
-- $n: neurons; without it, 20
with

variables as (
    select * from marts.neuron_variables
    where
        variable = 'position'
        and ($model::varchar is null or model = $model::varchar)
),

neurons as (
    select
        variables.model,
        variables.layer,
        variables.neuron,
        variables.mutual_information,
        variables.eta_squared,
        neurons.kurt,
        neurons.is_universal,
        neurons.family
    from variables
    inner join marts.neurons as neurons
        on
            variables.model = neurons.model
            and variables.layer = neurons.layer
            and variables.neuron = neurons.neuron
)

select * from neurons
order by mutual_information desc, model asc, layer asc, neuron asc
limit coalesce($n::integer, 20)
