-- Correlation is symmetric, so the best pair of two models is the same from both sides.
with

largest as (
    select
        run,
        model,
        other_model,
        max(max_corr) as max_corr
    from {{ ref('int_neuron_pairs') }}
    group by run, model, other_model
),

differing as (
    select
        there.run,
        there.model,
        there.other_model
    from largest as there
    inner join largest as back
        on
            there.run = back.run
            and there.model = back.other_model
            and there.other_model = back.model
    where abs(there.max_corr - back.max_corr) > 1e-5
)

select * from differing
