with

explained as (
    select * from {{ ref('stg_raw__explained') }}
    where {{ of_new_runs('run') }}
),

half_sums as (
    select * from {{ ref('int_half_sums') }}
),

-- Tokens that are not told apart are one more class.
tokens as (
    select
        run,
        model,
        layer,
        neuron,
        ss_between,
        n_values + (not is_complete)::integer as n_classes
    from explained
    where variable = 'token'
),

shares as (
    select
        explained.run,
        explained.model,
        explained.layer,
        explained.neuron,
        explained.variable,
        explained.ss_between / nullif(half_sums.ss_total, 0) as eta_squared,
        explained.n_values,
        explained.is_complete,
        explained.mutual_information,
        case
            when explained.variable = 'token_and_syntax'
                then (explained.ss_between - tokens.ss_between) / nullif(half_sums.ss_total, 0)
        end as beyond_token,
        case
            when explained.variable = 'token_and_syntax'
                then
                    (half_sums.ss_total - tokens.ss_between) / nullif(half_sums.ss_total, 0)
                    * (explained.n_values - tokens.n_classes) / nullif(half_sums.n - tokens.n_classes, 0)
        end as beyond_token_by_chance
    from explained
    inner join half_sums
        on
            explained.run = half_sums.run
            and explained.model = half_sums.model
            and explained.layer = half_sums.layer
            and explained.neuron = half_sums.neuron
    inner join tokens
        on
            explained.run = tokens.run
            and explained.model = tokens.model
            and explained.layer = tokens.layer
            and explained.neuron = tokens.neuron
)

select * from shares
