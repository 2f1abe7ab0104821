with

edits as (
    select * from {{ ref('int_edits') }}
    where experiment = 'ablation' and edit > 0 and control = 'asked'
),

totals as (
    select * from {{ ref('int_edit_totals') }}
),

intervals as (
    select * from {{ ref('int_edit_intervals') }}
    where contrast = 'clean'
),

ablations as (
    select
        edits.model,
        edits.neurons,
        edits.scope,
        edits.kind as mode,
        edits.layer,
        edits.n_neurons,
        totals.n_positions,
        totals.n_documents,
        totals.loss - totals.delta_loss as clean_loss,
        intervals.delta_loss,
        intervals.delta_loss_low,
        intervals.delta_loss_high,
        intervals.kl,
        intervals.kl_low,
        intervals.kl_high,
        intervals.agreement,
        intervals.agreement_low,
        intervals.agreement_high,
        intervals.delta_entropy,
        intervals.delta_entropy_low,
        intervals.delta_entropy_high,
        edits.selection,
        edits.run
    from edits
    inner join totals
        on
            edits.run = totals.run
            and edits.model = totals.model
            and edits.edit = totals.edit
    inner join intervals
        on
            edits.run = intervals.run
            and edits.model = intervals.model
            and edits.edit = intervals.edit
)

select * from ablations
order by model, neurons, scope, mode
