-- Correlation is symmetric, so the best pair of two models is the same from both sides, if it was looked for in full.
with

largest as (
    select
        neuron_pairs.run,
        neuron_pairs.site,
        neuron_pairs.model,
        neuron_pairs.other_model,
        max(neuron_pairs.max_corr) as max_corr
    from {{ ref('int_neuron_pairs') }} as neuron_pairs
    inner join {{ ref('stg_raw__runs') }} as runs on neuron_pairs.run = runs.run
    where runs.method = 'exact' and {{ of_untested_runs('neuron_pairs.run') }}
    group by neuron_pairs.run, neuron_pairs.site, neuron_pairs.model, neuron_pairs.other_model
),

differing as (
    select
        there.run,
        there.site,
        there.model,
        there.other_model
    from largest as there
    inner join largest as back
        on
            there.run = back.run
            and there.site = back.site
            and there.model = back.other_model
            and there.other_model = back.model
    where abs(there.max_corr - back.max_corr) > 1e-5
)

select * from differing
