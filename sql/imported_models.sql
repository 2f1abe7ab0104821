-- Which models are known from published files, how many of their neurons, and how many are universal?
with

described as (
    select
        model,
        count(*)::integer as n_described,
        count(excess_corr)::integer as n_with_excess,
        (count(*) filter (where is_universal))::integer as n_universal,
        bool_or(is_ingested) as is_ingested
    from marts.published_neurons
    group by model
),

imported as (
    select
        described.model,
        models.source,
        models.n_neurons,
        described.n_described,
        described.n_with_excess,
        described.n_universal,
        100 * described.n_universal / models.n_neurons as pct_universal,
        described.is_ingested
    from described
    left join marts.models as models on described.model = models.model
)

select * from imported
order by model
