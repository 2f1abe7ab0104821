with

matches as (
    select
        model,
        layer,
        neuron,
        other_model,
        side::varchar as side,
        rank,
        other_layer,
        other_neuron,
        corr,
        run
    from {{ ref('int_neuron_matches') }}
    where site = 'mlp'
)

select * from matches
