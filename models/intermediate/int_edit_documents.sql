with

edits as (
    select * from {{ ref('int_edits') }}
),

edit_sums as (
    select * from {{ ref('stg_raw__edit_sums') }}
),

sequences as (
    select * from {{ ref('stg_raw__experiment_sequences') }}
),

clean as (
    select * from edit_sums
    where edit = 0
),

documents as (
    select
        edit_sums.run,
        edit_sums.model,
        edit_sums.edit,
        sequences.document,
        sum(edit_sums.n)::bigint as n,
        sum(edit_sums.loss order by edit_sums.sequence) as loss,
        sum(edit_sums.entropy order by edit_sums.sequence) as entropy,
        sum(edit_sums.loss - clean.loss order by edit_sums.sequence) as delta_loss,
        sum(edit_sums.entropy - clean.entropy order by edit_sums.sequence) as delta_entropy,
        sum(edit_sums.kl order by edit_sums.sequence) as kl,
        sum(edit_sums.n_same_top)::bigint as n_same_top
    from edit_sums
    inner join edits
        on
            edit_sums.run = edits.run
            and edit_sums.model = edits.model
            and edit_sums.edit = edits.edit
    inner join clean
        on
            edit_sums.run = clean.run
            and edit_sums.model = clean.model
            and edit_sums.sequence = clean.sequence
    inner join sequences
        on
            edit_sums.run = sequences.run
            and edit_sums.sequence = sequences.sequence
    group by edit_sums.run, edit_sums.model, edit_sums.edit, sequences.document
)

select * from documents
