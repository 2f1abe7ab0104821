-- Which units of the residual stream and of attention heads are like a unit of another model, and how much so?
-- $site: resid or head_z; both without it
-- $model: name of a model; all models without it
-- $other_model: name of the partner model; all partners without it
with

partners as (
    select
        site,
        model,
        layer,
        unit,
        other_model,
        other_layer,
        other_unit,
        max_corr,
        corr_se,
        baseline,
        max_corr - baseline as excess_corr,
        is_mutual,
        relation
    from marts.unit_partners
    where
        other_unit is not null
        and ($site::varchar is null or site = $site::varchar)
        and ($model::varchar is null or model = $model::varchar)
        and ($other_model::varchar is null or other_model = $other_model::varchar)
)

select * from partners
order by max_corr desc, site asc, model asc, layer asc, unit asc, other_model asc
