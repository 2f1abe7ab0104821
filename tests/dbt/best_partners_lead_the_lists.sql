-- Exact correlations are the same in both selections: the best partner is the first of the most correlated units, the
-- best anti-partner the first of the least correlated ones. Sketches read the two in different ways.
with

firsts as (
    select * from {{ ref('stg_raw__partners') }}
    where rank = 1 and {{ of_untested_runs('run') }}
),

bests as (
    select bests.*
    from {{ ref('stg_raw__bests') }} as bests
    inner join {{ ref('stg_raw__runs') }} as runs on bests.run = runs.run
    where runs.status = 'finished' and runs.method = 'exact' and {{ of_untested_runs('bests.run') }}
),

differing as (
    select
        bests.run,
        bests.site,
        bests.model,
        bests.layer,
        bests.neuron,
        bests.other_model,
        firsts.side
    from bests
    left join firsts
        on
            bests.run = firsts.run
            and bests.site = firsts.site
            and bests.model = firsts.model
            and bests.layer = firsts.layer
            and bests.neuron = firsts.neuron
            and bests.other_model = firsts.other_model
    where
        firsts.side is null
        or abs(firsts.corr - case firsts.side when 'top' then bests.max_corr else bests.min_corr end) > 1e-6
)

select * from differing
