-- Models and sets of neurons of which single neurons were fixed at values, or taken out of the queries of heads.
with

sets as (
    select distinct
        'entropy' as kind,
        model,
        neurons
    from marts.entropy_mediation
    union all
    select distinct
        'attention' as kind,
        model,
        neurons
    from marts.path_ablations
)

select * from sets
order by kind, model, neurons
