{% set kinds = predictors() %}
{% set properties = kinds.values() | sum(start=[]) %}
with

neurons as (
    select * from {{ ref('neurons') }}
    where is_universal is not null and is_dead is not true
),

percentiles as (
    select * from {{ ref('neuron_percentiles') }}
),

decile_odds as (
    select * from {{ ref('int_decile_odds') }}
),

-- A row per model: of each property the log odds of its ten deciles. An array goes through a join where it lies; lists
-- are copied, which took most of a minute for five models of 98,304 neurons.
odds as (
    select
        model,
        {% for property in properties %}
        (list(log_odds order by decile) filter (where property = '{{ property }}'))::double[10] as {{ property }},
        {% endfor %}
        {% for kind in kinds %}
        len(list_distinct(flatten(list(trained_models) filter (where kind = '{{ kind }}')))) as n_trained_{{ kind }},
        {% endfor %}
        len(list_distinct(flatten(list(trained_models)))) as n_trained_both
    from decile_odds
    group by model
),

evidence as (
    select
        percentiles.model,
        percentiles.layer,
        percentiles.neuron,
        odds.n_trained_weights,
        odds.n_trained_moments,
        odds.n_trained_both,
        {% for property in properties %}
        odds.{{ property }}[ceil(percentiles.{{ property }}_pct / 10)::integer] as {{ property }},
        {% endfor %}
        neurons.run
    from percentiles
    inner join neurons
        on
            percentiles.model = neurons.model
            and percentiles.layer = neurons.layer
            and percentiles.neuron = neurons.neuron
    inner join odds on percentiles.model = odds.model
),

-- A sum in a fixed sequence: neurons of the same deciles tie.
summed as (
    select
        model,
        layer,
        neuron,
        n_trained_weights,
        n_trained_moments,
        n_trained_both,
        {% for kind, members in kinds.items() %}
        (
            {% for property in members %}
            coalesce({{ property }}, 0){{ ' +' if not loop.last }}
            {% endfor %}
        ) as of_{{ kind }},
        (
            {% for property in members %}
            ({{ property }} is not null)::smallint{{ ' +' if not loop.last }}
            {% endfor %}
        ) as n_{{ kind }},
        {% endfor %}
        run
    from evidence
),

scores as (
    {% for kind in kinds %}
    select
        model,
        '{{ kind }}' as inputs,
        layer,
        neuron,
        of_{{ kind }} as score,
        n_{{ kind }}::integer as n_properties,
        n_trained_{{ kind }}::integer as n_trained_models,
        run
    from summed
    where n_{{ kind }} > 0
    union all
    {% endfor %}
    select
        model,
        'both' as inputs,
        layer,
        neuron,
        of_weights + of_moments as score,
        (n_weights + n_moments)::integer as n_properties,
        n_trained_both::integer as n_trained_models,
        run
    from summed
    where n_weights > 0 and n_moments > 0
)

select * from scores
order by model, inputs, layer, neuron
