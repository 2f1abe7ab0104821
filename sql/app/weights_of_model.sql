-- Where the weights of a model were when they were measured, and whether rows of text began with BOS.
-- $model: name of the model
with

models as (
    select * from marts.models
    where model = $model::varchar
),

moments as (
    select any_value(moments_run) as run from marts.neurons
    where model = $model::varchar
),

runs as (
    select runs.bos
    from marts.runs as runs
    inner join moments on runs.run = moments.run
)

select
    models.source,
    models.revision,
    models.weights_hash,
    (select runs.bos from runs) as bos
from models
