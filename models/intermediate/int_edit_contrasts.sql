-- An asked edit document by document, as it is and less the mean of its controls.
with

edits as (
    select * from {{ ref('int_edits') }}
    where edit > 0
),

documents as (
    select * from {{ ref('int_edit_documents') }}
),

asked as (
    select
        edits.run,
        edits.model,
        edits.edit,
        edits.kind,
        edits.scope,
        documents.document,
        documents.n,
        documents.delta_loss,
        documents.kl,
        documents.n_same_top::double as n_same_top,
        documents.delta_entropy
    from edits
    inner join documents
        on
            edits.run = documents.run
            and edits.model = documents.model
            and edits.edit = documents.edit
    where edits.control = 'asked'
),

controls as (
    select
        edits.run,
        edits.model,
        edits.kind,
        edits.scope,
        edits.control,
        documents.document,
        avg(documents.delta_loss order by edits.draw) as delta_loss,
        avg(documents.kl order by edits.draw) as kl,
        avg(documents.n_same_top order by edits.draw) as n_same_top,
        avg(documents.delta_entropy order by edits.draw) as delta_entropy
    from edits
    inner join documents
        on
            edits.run = documents.run
            and edits.model = documents.model
            and edits.edit = documents.edit
    where edits.control <> 'asked'
    group by edits.run, edits.model, edits.kind, edits.scope, edits.control, documents.document
),

contrasts as (
    select
        run,
        model,
        edit,
        'clean' as contrast,
        document,
        n,
        delta_loss,
        kl,
        n_same_top,
        delta_entropy
    from asked
    union all
    select
        asked.run,
        asked.model,
        asked.edit,
        controls.control as contrast,
        asked.document,
        asked.n,
        asked.delta_loss - controls.delta_loss as delta_loss,
        asked.kl - controls.kl as kl,
        asked.n_same_top - controls.n_same_top as n_same_top,
        asked.delta_entropy - controls.delta_entropy as delta_entropy
    from asked
    inner join controls
        on
            asked.run = controls.run
            and asked.model = controls.model
            and asked.kind = controls.kind
            and asked.scope = controls.scope
            and asked.document = controls.document
)

select * from contrasts
