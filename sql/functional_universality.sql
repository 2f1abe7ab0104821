-- Do neurons that fire alike in two models also write alike, more than random pairs of the same layers?
-- $model: name of a model; all models without it
with

compared as (
    select * from marts.functional_universality
    where $model::varchar is null or model = $model::varchar
),

listed as (
    select
        model,
        other_model,
        is_universal,
        n_pairs,
        effect_corr,
        random_effect_corr,
        effect_z,
        free_effect_corr,
        random_free_effect_corr,
        free_effect_z
    from compared
)

select * from listed
order by model asc, other_model asc, is_universal desc
