-- Standard errors take each document's residual from the mean as one independent piece.
{% set quantities = ['scale', 'loss', 'entropy', 'reciprocal_rank', 'frequency_kl'] %}
with

documents as (
    select * from {{ ref('int_entropy_documents') }}
),

edits as (
    select * from {{ ref('stg_raw__entropy_edits') }}
    where edit > 0
),

means as (
    select
        run,
        model,
        edit,
        sum(n)::bigint as n_positions,
        count(*)::integer as n_documents,
    {% for quantity in quantities %}
    sum({{ quantity }} order by document) / sum(n) as {{ quantity }},
    sum(delta_{{ quantity }} order by document) / sum(n) as delta_{{ quantity }}
    {{- ',' if not loop.last }}
    {% endfor %}
    from documents
    group by run, model, edit
),

errors as (
    select
        documents.run,
        documents.model,
        documents.edit,
    {% for quantity in quantities %}
    sqrt(
        sum(
            (documents.delta_{{ quantity }} - means.delta_{{ quantity }} * documents.n) ** 2
            order by documents.document
        )
        * count(*) / nullif(count(*) - 1, 0)
    ) / sum(documents.n) as delta_{{ quantity }}_se
    {{- ',' if not loop.last }}
    {% endfor %}
    from documents
    inner join means
        on
            documents.run = means.run
            and documents.model = means.model
            and documents.edit = means.edit
    group by documents.run, documents.model, documents.edit
),

effects as (
    select
        edits.layer,
        edits.neuron,
        edits.kind,
        edits.value,
        edits.quantile,
        edits.frozen,
        means.*,
    {% for quantity in quantities %}
    errors.delta_{{ quantity }}_se{{ ',' if not loop.last }}
    {% endfor %}
    from edits
    inner join means
        on
            edits.run = means.run
            and edits.model = means.model
            and edits.edit = means.edit
    inner join errors
        on
            edits.run = errors.run
            and edits.model = errors.model
            and edits.edit = errors.edit
)

select * from effects
