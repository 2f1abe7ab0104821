with

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'weights'
),

neighbours as (
    select
        neighbours.model,
        neighbours.layer,
        neighbours.neuron,
        neighbours.vector,
        neighbours.side,
        neighbours.other_layer,
        neighbours.other_neuron,
        neighbours.cosine,
        neighbours.other_cosine,
        neighbours.run
    from {{ ref('stg_raw__neighbours') }} as neighbours
    inner join speaking
        on
            neighbours.run = speaking.measured_in
            and neighbours.model = speaking.model
)

select * from neighbours
