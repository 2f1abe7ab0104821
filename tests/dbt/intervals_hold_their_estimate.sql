-- An interval has both ends or none, and what it is an interval of lies between them.
with

intervals as (
    select
        'int_neuron_pairs' as mart,
        corr_low as low,
        max_corr as estimate,
        corr_high as high
    from {{ ref('int_neuron_pairs') }}
    where {{ of_untested_runs('run') }}
    union all
    select
        'neuron_universality' as mart,
        excess_low as low,
        excess_corr as estimate,
        excess_high as high
    from {{ ref('neuron_universality') }}
    union all
    select
        'universality' as mart,
        pct_low as low,
        pct_universal as estimate,
        pct_high as high
    from {{ ref('universality') }}
    union all
    select
        'layer_universality' as mart,
        pct_low as low,
        pct_universal as estimate,
        pct_high as high
    from {{ ref('layer_universality') }}
    union all
    select
        'universality_curve' as mart,
        pct_low as low,
        pct_universal as estimate,
        pct_high as high
    from {{ ref('universality_curve') }}
)

select *
from intervals
where
    (low is null) <> (high is null)
    or not coalesce(estimate between low and high, low is null)
