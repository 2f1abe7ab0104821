-- At the threshold of the labels, the curve says of all the text what universality says.
with

points as (
    select * from {{ ref('universality_curve') }}
    where comparison = 'seeds' and is_whole and threshold = {{ var('universal_threshold') }}
),

differing as (
    select
        points.model,
        points.n_universal,
        universality.n_universal as n_labelled
    from points
    inner join {{ ref('universality') }} as universality on points.model = universality.model
    where
        points.n_universal is distinct from universality.n_universal
        or points.n_neurons is distinct from universality.n_neurons
        or abs(points.pct_low - universality.pct_low) > 1e-9
        or abs(points.pct_high - universality.pct_high) > 1e-9
)

select * from differing
