with

neurons as (
    select * from {{ ref('neurons') }}
    where is_dead is not true
),

hashed as (
    select
        model,
        bit_xor(hash(layer, neuron, {{ own_properties() | join(', ') }})) as made_of
    from neurons
    group by model
)

select * from hashed
