with

raw as (
    select * from {{ source('raw', 'edits') }}
),

typed as (
    select
        run,
        model,
        edit::integer as edit,
        kind,
        neuron_set::integer as neuron_set,
        layer::smallint as layer
    from raw
)

select * from typed
