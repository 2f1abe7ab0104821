with

raw as (
    select * from {{ source('raw', 'entropy_edits') }}
),

typed as (
    select
        run,
        model,
        edit::integer as edit,
        layer::smallint as layer,
        neuron::integer as neuron,
        kind,
        value,
        quantile,
        frozen
    from raw
)

select * from typed
