with

raw as (
    select * from {{ source('raw', 'baselines') }}
),

typed as (
    select
        run,
        site,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        other_model,
        kind,
        draw::smallint as draw,
        max_corr::double as max_corr
    from raw
)

select * from typed
