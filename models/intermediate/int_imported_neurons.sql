{% set columns = published_columns() %}
with

models as (
    select * from {{ ref('int_imported_models') }}
),

said as (
    select * from {{ ref('stg_raw__imported_neurons') }}
),

coverage as (
    select
        model,
        run,
    {% for column in columns %}
    count({{ column }}) as n_{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
    from said
    group by model, run
),

-- The file that covers more neurons supplies a column, whole; of two that cover as many, the one with the larger id.
suppliers as (
    select
        model,
    {% for column in columns %}
    max_by(run, struct_pack(n := n_{{ column }}, run := run)) as run_{{ column }}{{ ',' if not loop.last }}
    {% endfor %}
    from coverage
    group by model
),

supplied as (
    select
        said.model,
        said.layer,
        said.neuron,
    {% for column in columns %}
    any_value(said.{{ column }}) filter (where said.run = suppliers.run_{{ column }}) as {{ column }}
    {{- ',' if not loop.last }}
    {% endfor %}
    from said
    inner join suppliers on said.model = suppliers.model
    group by said.model, said.layer, said.neuron
),

layers as (
    select
        *,
        unnest(range(n_layers))::smallint as layer
    from models
),

places as (
    select
        *,
        unnest(range(d_mlp))::integer as neuron
    from layers
),

neurons as (
    select
        places.model,
        places.layer,
        places.neuron,
        supplied.model is not null as is_described,
        {% for column in columns if column not in ('excess_corr', 'l2_penalty') %}
        supplied.{{ column }},
        {% endfor %}
        coalesce(supplied.excess_corr, supplied.mean_corr - supplied.mean_baseline) as excess_corr,
        coalesce(supplied.l2_penalty, supplied.w_in_norm ** 2 + supplied.w_out_norm ** 2) as l2_penalty,
        -- A neuron without variance is like no other, in the published frames too.
        coalesce(supplied.var = 0, false) as is_dead,
        case when supplied.excess_corr is null then places.excess_bound end as excess_bound,
        places.is_ingested,
        places.run
    from places
    left join supplied
        on
            places.model = supplied.model
            and places.layer = supplied.layer
            and places.neuron = supplied.neuron
)

select * from neurons
