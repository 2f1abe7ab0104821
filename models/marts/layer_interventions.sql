with

edits as (
    select * from {{ ref('int_edits') }}
    where experiment in ('layers', 'lens') and edit > 0
),

totals as (
    select * from {{ ref('int_edit_totals') }}
),

intervals as (
    select * from {{ ref('int_edit_intervals') }}
    where contrast = 'clean'
),

models as (
    select * from {{ ref('models') }}
),

interventions as (
    select
        edits.model,
        edits.kind as intervention,
        edits.layer,
        edits.layer / nullif(models.n_layers - 1, 0) as relative_depth,
        totals.n_positions,
        totals.n_documents,
        totals.loss,
        totals.entropy,
        intervals.kl,
        intervals.kl_low,
        intervals.kl_high,
        intervals.delta_loss,
        intervals.delta_loss_low,
        intervals.delta_loss_high,
        intervals.agreement,
        intervals.agreement_low,
        intervals.agreement_high,
        intervals.delta_entropy,
        intervals.delta_entropy_low,
        intervals.delta_entropy_high,
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
    left join models on edits.model = models.model
)

select * from interventions
order by model, intervention, layer
