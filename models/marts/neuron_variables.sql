with

explained as (
    select * from {{ ref('int_explained') }}
),

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'features'
),

variables as (
    select
        explained.model,
        explained.layer,
        explained.neuron,
        explained.variable,
        explained.eta_squared,
        explained.n_values,
        explained.is_complete,
        explained.mutual_information,
        explained.beyond_token,
        explained.beyond_token_by_chance,
        explained.run
    from explained
    inner join speaking
        on
            explained.model = speaking.model
            and explained.run = speaking.measured_in
)

select * from variables
