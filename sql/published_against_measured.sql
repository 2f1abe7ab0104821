-- How well does what we measured agree with what was published of the same model, property by property?
-- $model: name of the model
select * from marts.published_comparison
where $model::varchar is null or model = $model::varchar
order by model, property
