with

models as (
    select * from {{ ref('models') }}
    where step is not null
),

persistence as (
    select * from {{ ref('persistence') }}
),

shares as (
    select
        'model' as scope,
        null::smallint as layer,
        model,
        n_neurons,
        n_universal,
        pct_universal,
        pct_low,
        pct_high,
        n_partners,
        mean_corr,
        mean_baseline,
        mean_excess,
        run
    from {{ ref('universality') }}
    where n_universal is not null
    union all
    select
        'L' || layer as scope,
        layer,
        model,
        n_neurons,
        n_universal,
        pct_universal,
        pct_low,
        pct_high,
        n_partners,
        mean_corr,
        mean_baseline,
        mean_excess,
        run
    from {{ ref('layer_universality') }}
    where n_universal is not null
),

steps as (
    select
        models.model_family,
        models.seed,
        models.step,
        shares.model,
        shares.scope,
        shares.layer,
        shares.n_neurons,
        shares.n_universal,
        shares.pct_universal,
        shares.pct_low,
        shares.pct_high,
        shares.n_partners,
        shares.mean_corr,
        shares.mean_baseline,
        shares.mean_excess,
        persistence.step_from as previous_step,
        persistence.n_kept,
        persistence.n_born,
        persistence.n_died,
        shares.run
    from shares
    inner join models on shares.model = models.model
    left join persistence
        on
            shares.model = persistence.model_to
            and shares.scope = persistence.scope
)

select * from steps
order by model_family, seed, step, model, scope
