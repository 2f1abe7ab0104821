-- How do the numbers of this warehouse compare with the published ones?
-- $model: name of a published model; all models without it
-- $figure: such as Figure 3; all figures, the text and the released files without it
with

compared as (
    select
        paper,
        figure,
        model,
        quantity,
        property,
        layer,
        neuron,
        published,
        ours,
        difference,
        tolerance,
        is_within,
        evidence,
        is_imported
    from marts.published_values
    where
        ($model::varchar is null or model = $model::varchar)
        and ($figure::varchar is null or figure = $figure::varchar)
)

select * from compared
order by
    paper asc, figure asc, model asc, quantity asc, property asc nulls first, layer asc nulls first,
    neuron asc nulls first
