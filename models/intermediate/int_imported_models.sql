-- Shapes of a model's files agree: the import refuses others.
with

imports as (
    select * from {{ ref('stg_raw__imports') }}
),

ingested as (
    select distinct model from {{ ref('int_speaking_runs') }}
),

models as (
    select
        imports.model,
        any_value(imports.model_family) as model_family,
        any_value(imports.seed) as seed,
        any_value(imports.n_layers) as n_layers,
        any_value(imports.d_mlp) as d_mlp,
        string_agg(imports.file, ', ' order by imports.n_rows desc, imports.file asc) as files,
        min(imports.excess_bound) as excess_bound,
        max_by(imports.run, struct_pack(n_rows := imports.n_rows, run := imports.run)) as run,
        bool_or(ingested.model is not null) as is_ingested
    from imports
    left join ingested on imports.model = ingested.model
    group by imports.model
)

select * from models
