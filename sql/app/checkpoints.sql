-- How universal is each layer at each training step of each seed that has several?
with

steps as (
    select * exclude (run)
    from marts.step_universality
    where seed is not null
    qualify count(distinct step) over (partition by model_family, seed) > 1
)

select * from steps
order by model_family, seed, step, scope
