-- How well do statistics of one half of the documents agree with those of the other, over the neurons of one model?
-- $model: name of a model; all models without it
with

compared as (
    select
        model,
        array_position(['mean', 'var', 'skew', 'kurt', 'sparsity', 'excess_corr'], statistic) as place,
        statistic,
        n_neurons,
        n_first,
        n_second,
        r,
        rank_r,
        mean_difference,
        sd_difference,
        pct_same_label,
        jaccard
    from marts.split_half
    where $model::varchar is null or model = $model::varchar
)

select * exclude (place) from compared
order by model, place
