with

documents as (
    select * from {{ ref('int_edit_documents') }}
),

totals as (
    select
        run,
        model,
        edit,
        sum(n)::bigint as n_positions,
        count(*)::integer as n_documents,
        sum(loss order by document) / sum(n) as loss,
        sum(entropy order by document) / sum(n) as entropy,
        sum(delta_loss order by document) / sum(n) as delta_loss,
        sum(delta_entropy order by document) / sum(n) as delta_entropy,
        sum(kl order by document) / sum(n) as kl,
        sum(n_same_top) / sum(n) as agreement
    from documents
    group by run, model, edit
    having sum(n) > 0
)

select * from totals
