-- Which heads look back at the earlier pieces of a word?
-- $model: name of a model; all models without it
-- $n: how many rows; 20 without it
with

heads as (
    select
        model,
        layer,
        head,
        difference,
        difference_se,
        attention_to_pieces,
        attention_of_whole,
        n_words
    from marts.subword_heads
    where $model::varchar is null or model = $model::varchar
)

select * from heads
order by difference desc, model asc, layer asc, head asc
limit coalesce($n::integer, 20)
