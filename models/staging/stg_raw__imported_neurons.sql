with

raw as (
    select * from {{ source('raw', 'imported_neurons') }}
),

typed as (
    select
        run,
        model,
        -- A cast that cannot fail lets a filter by neuron reach the table.
        try_cast(layer as smallint) as layer,
        try_cast(neuron as integer) as neuron,
    {% for column in published_columns() %}
    {{ column }}{{ ',' if not loop.last }}
    {% endfor %}
    from raw
)

select * from typed
