with

raw as (
    select * from {{ source('raw', 'explained') }}
),

typed as (
    select
        run,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        variable,
        ss_between,
        n_values::integer as n_values,
        is_complete,
        mutual_information
    from raw
)

select * from typed
