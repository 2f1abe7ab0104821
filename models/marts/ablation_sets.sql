with

edits as (
    select * from {{ ref('int_edits') }}
    where experiment = 'ablation' and edit > 0
),

totals as (
    select * from {{ ref('int_edit_totals') }}
),

sets as (
    select
        edits.model,
        edits.neurons,
        edits.scope,
        edits.kind as mode,
        edits.control,
        edits.draw,
        edits.layer,
        edits.n_neurons,
        totals.delta_loss,
        totals.kl,
        totals.agreement,
        totals.delta_entropy,
        edits.run
    from edits
    inner join totals
        on
            edits.run = totals.run
            and edits.model = totals.model
            and edits.edit = totals.edit
)

select * from sets
order by model, neurons, scope, mode, control, draw
