with

raw as (
    select * from {{ source('raw', 'suffix_probes') }}
),

typed as (
    select
        run,
        model,
        probe::integer as probe,
        kind,
        n_neurons::integer as n_neurons,
        place::integer as place,
        n_train::integer as n_train,
        n_train_right::integer as n_train_right
    from raw
)

select * from typed
