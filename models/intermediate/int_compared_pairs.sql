with

comparisons as (
    select * from {{ ref('int_comparisons') }}
),

pairs as (
    select * from {{ ref('stg_raw__pairs') }}
),

compared_pairs as (
    select
        comparisons.comparison,
        comparisons.site,
        comparisons.model,
        pairs.other_model,
        comparisons.relation,
        comparisons.is_speaking,
        comparisons.run,
        pairs.measured_in,
        comparisons.moments_run
    from comparisons
    inner join pairs
        on
            comparisons.run = pairs.run
            and comparisons.model = pairs.model
            and comparisons.relation = pairs.relation
)

select * from compared_pairs
