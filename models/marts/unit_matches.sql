with

matches as (
    select
        site::varchar as site,
        model,
        layer,
        neuron as unit,
        other_model,
        side::varchar as side,
        rank,
        other_layer,
        other_neuron as other_unit,
        corr,
        run
    from {{ ref('int_neuron_matches') }}
    where site <> 'mlp'
)

select * from matches
