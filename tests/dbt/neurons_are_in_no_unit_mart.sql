-- Neurons of the MLP have marts of their own.
select
    site,
    model
from {{ ref('unit_partners') }}
where site = 'mlp'
union all
select
    site,
    model
from {{ ref('unit_matches') }}
where site = 'mlp'
