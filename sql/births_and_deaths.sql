-- Which neurons became universal between two checkpoints, and which ceased to be?
-- $model_family: name of a family of models; all families without it
-- $change: born, died or kept; born and died without it
-- $n: how many rows; 100 without it
with

changes as (
    select
        model_family,
        seed,
        step_from,
        step_to,
        model_to as model,
        layer,
        neuron,
        change,
        excess_from,
        excess_to,
        self_corr,
        n_partners_kept,
        n_partners
    from marts.neuron_steps
    where
        change <> 'never'
        and change = coalesce($change::varchar, nullif(change, 'kept'))
        and ($model_family::varchar is null or model_family = $model_family::varchar)
)

select * from changes
order by abs(excess_to - excess_from) desc, model_family asc, seed asc, step_from asc, layer asc, neuron asc
limit coalesce($n::integer, 100)
