-- The strata of a finished run hold each position of the corpus once: no part is missing and none is counted twice.
with

positions as (
    select
        run,
        model,
        layer,
        neuron,
        sum(n) as n,
        sum(n) filter (where stratum = 'text') as n_text
    from {{ ref('stg_raw__moments') }}
    where {{ of_untested_runs('run') }}
    group by run, model, layer, neuron
),

differing as (
    select
        positions.*,
        runs.n_tokens,
        runs.n_positions
    from positions
    inner join {{ ref('stg_raw__runs') }} as runs on positions.run = runs.run
    where
        runs.status = 'finished'
        and (positions.n <> runs.n_tokens or positions.n_text <> runs.n_positions)
)

select * from differing
