with

features as (
    select * from {{ ref('stg_raw__features') }}
),

feature_counts as (
    select * from {{ ref('stg_raw__feature_counts') }}
),

halves as (
    select
        run,
        source,
        place,
        lag,
        sum(n_true) filter (where half = 0)::bigint as n_true_a,
        sum(n_true) filter (where half = 1)::bigint as n_true_b
    from feature_counts
    group by run, source, place, lag
),

-- What a feature may make of a neuron. The token that comes next makes nothing of it, but tells what it acts on; a BOS
-- before it is the second place of the row.
named as (
    select
        halves.*,
        features.feature,
        features.feature_kind,
        case
            when halves.lag = -1 then 'next_token'
            when halves.lag = 1 and features.feature_kind = 'special' then 'row_start'
            when features.feature_kind = 'syntax' then 'syntax'
            when features.feature_kind in ('subset', 'topic') and halves.lag = 0 then 'semantic'
            when halves.lag = 1 then 'previous_token'
            when features.feature_kind = 'letter' then 'alphabet'
            else 'unigram'
        end as family
    from halves
    inner join features
        on
            halves.run = features.run
            and halves.source = features.source
            and halves.place = features.place
    where halves.n_true_a + halves.n_true_b > 0
)

select * from named
