with

raw as (
    select * from {{ source('raw', 'partial_bests') }}
),

typed as (
    select
        run,
        site,
        model,
        layer::smallint as layer,
        neuron::integer as neuron,
        other_model,
        first_group::smallint as first_group,
        last_group::smallint as last_group,
        n_positions::bigint as n_positions,
        max_corr::double as max_corr,
        baseline::double as baseline
    from raw
)

select * from typed
