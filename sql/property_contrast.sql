-- How do universal neurons differ from the rest in the eight properties of the paper (median percentiles)?
-- $model: name of a model; all models without it
with

contrasts as (
    select
        *,
        array_position(
            ['skew', 'kurt', 'input_bias', 'l2_penalty', 'sparsity', 'vocab_kurt', 'in_out_sim', 'mean'], property
        ) as place
    from marts.property_contrasts
    where $model::varchar is null or model = $model::varchar
),

published as (
    select
        model,
        place,
        property,
        universal_median_pct,
        rest_median_pct,
        n_universal,
        n_rest
    from contrasts
    where place > 0
)

select * from published
order by model, place
