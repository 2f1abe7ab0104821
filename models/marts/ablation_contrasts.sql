with

edits as (
    select * from {{ ref('int_edits') }}
    where experiment = 'ablation' and edit > 0 and control = 'asked'
),

intervals as (
    select * from {{ ref('int_edit_intervals') }}
    where contrast <> 'clean'
),

sets as (
    select * from {{ ref('ablation_sets') }}
),

asked as (
    select * from sets
    where control = 'asked'
),

controls as (
    select
        asked.model,
        asked.neurons,
        asked.scope,
        asked.mode,
        controls.control,
        count(*)::integer as n_controls,
        (count(*) filter (where controls.delta_loss >= asked.delta_loss))::integer as n_loss_at_least,
        (count(*) filter (where controls.kl >= asked.kl))::integer as n_kl_at_least
    from asked
    inner join sets as controls
        on
            asked.model = controls.model
            and asked.neurons = controls.neurons
            and asked.scope = controls.scope
            and asked.mode = controls.mode
            and asked.control <> controls.control
    group by asked.model, asked.neurons, asked.scope, asked.mode, controls.control
),

contrasts as (
    select
        edits.model,
        edits.neurons,
        edits.scope,
        edits.kind as mode,
        controls.control,
        edits.layer,
        edits.n_neurons,
        controls.n_controls,
        asked.delta_loss,
        asked.delta_loss - intervals.delta_loss as control_delta_loss,
        intervals.delta_loss as excess_loss,
        intervals.delta_loss_low as excess_loss_low,
        intervals.delta_loss_high as excess_loss_high,
        (1 + controls.n_loss_at_least) / (1 + controls.n_controls) as loss_p,
        asked.kl,
        asked.kl - intervals.kl as control_kl,
        intervals.kl as excess_kl,
        intervals.kl_low as excess_kl_low,
        intervals.kl_high as excess_kl_high,
        (1 + controls.n_kl_at_least) / (1 + controls.n_controls) as kl_p,
        intervals.agreement as excess_agreement,
        intervals.agreement_low as excess_agreement_low,
        intervals.agreement_high as excess_agreement_high,
        edits.run
    from edits
    inner join intervals
        on
            edits.run = intervals.run
            and edits.model = intervals.model
            and edits.edit = intervals.edit
    inner join asked
        on
            edits.model = asked.model
            and edits.neurons = asked.neurons
            and edits.scope = asked.scope
            and edits.kind = asked.mode
    inner join controls
        on
            edits.model = controls.model
            and edits.neurons = controls.neurons
            and edits.scope = controls.scope
            and edits.kind = controls.mode
            and intervals.contrast = controls.control
)

select * from contrasts
order by model, neurons, scope, mode, control
