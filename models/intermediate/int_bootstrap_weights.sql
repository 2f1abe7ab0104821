with

documents as (
    select distinct document
    from {{ ref('stg_raw__experiment_sequences') }}
),

draws as (
    select unnest(range(1, {{ var('bootstrap_draws') }} + 1))::integer as draw
),

uniforms as (
    select
        documents.document,
        draws.draw,
        {{ hashed_uniform("documents.document || ' of draw ' || draws.draw") }} as uniform
    from documents
    cross join draws
),

weights as (
    select
        document,
        draw,
        {{ poisson_weight('uniform') }}::integer as weight
    from uniforms
)

select * from weights
where weight > 0
