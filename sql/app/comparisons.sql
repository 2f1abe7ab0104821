-- Which comparisons are there, and of which models?
select
    comparison,
    model
from marts.neuron_universality
where excess_corr is not null
group by comparison, model
order by comparison = 'seeds' desc, comparison asc, model asc
