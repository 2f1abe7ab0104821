with

matches as (
    select * from {{ ref('int_neuron_matches') }}
)

select * from matches
