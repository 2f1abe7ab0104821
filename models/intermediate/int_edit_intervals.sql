-- Documents and controls are drawn apart, and what each moves the estimate by is added: their interaction is left out.
-- Sums over drawn documents are of whole numbers, so that their order, which is not fixed, decides no bit.
with

contrasts as (
    select * from {{ ref('int_edit_contrasts') }}
),

weights as (
    select * from {{ ref('int_bootstrap_weights') }}
),

edits as (
    select * from {{ ref('int_edits') }}
    where edit > 0
),

totals as (
    select * from {{ ref('int_edit_totals') }}
),

estimates as (
    select
        run,
        model,
        edit,
        contrast,
        sum(delta_loss order by document) / sum(n) as delta_loss,
        sum(kl order by document) / sum(n) as kl,
        sum(n_same_top order by document) / sum(n) as agreement,
        sum(delta_entropy order by document) / sum(n) as delta_entropy
    from contrasts
    group by run, model, edit, contrast
    having sum(n) > 0
),

whole_numbers as (
    select
        run,
        model,
        edit,
        contrast,
        document,
        n,
        (delta_loss * 2 ** 32)::bigint as delta_loss,
        (kl * 2 ** 32)::bigint as kl,
        (n_same_top * 2 ** 32)::bigint as n_same_top,
        (delta_entropy * 2 ** 32)::bigint as delta_entropy
    from contrasts
),

over_documents as (
    select
        whole_numbers.run,
        whole_numbers.model,
        whole_numbers.edit,
        whole_numbers.contrast,
        weights.draw,
        sum(weights.weight * whole_numbers.delta_loss) / sum(weights.weight * whole_numbers.n) / 2 ** 32 as delta_loss,
        sum(weights.weight * whole_numbers.kl) / sum(weights.weight * whole_numbers.n) / 2 ** 32 as kl,
        sum(weights.weight * whole_numbers.n_same_top) / sum(weights.weight * whole_numbers.n) / 2 ** 32 as agreement,
        sum(weights.weight * whole_numbers.delta_entropy) / sum(weights.weight * whole_numbers.n) / 2
        ** 32 as delta_entropy
    from whole_numbers
    inner join weights on whole_numbers.document = weights.document
    group by whole_numbers.run, whole_numbers.model, whole_numbers.edit, whole_numbers.contrast, weights.draw
    having sum(weights.weight * whole_numbers.n) > 0
),

asked as (
    select * from edits
    where control = 'asked' and neuron_set is not null
),

controls as (
    select
        asked.run,
        asked.model,
        asked.edit,
        edits.control as contrast,
        edits.draw as number,
        totals.delta_loss,
        totals.kl,
        totals.agreement,
        totals.delta_entropy
    from asked
    inner join edits
        on
            asked.run = edits.run
            and asked.model = edits.model
            and asked.kind = edits.kind
            and asked.scope = edits.scope
            and asked.control <> edits.control
    inner join totals
        on
            edits.run = totals.run
            and edits.model = totals.model
            and edits.edit = totals.edit
),

control_means as (
    select
        run,
        model,
        edit,
        contrast,
        avg(delta_loss order by number) as delta_loss,
        avg(kl order by number) as kl,
        avg(agreement order by number) as agreement,
        avg(delta_entropy order by number) as delta_entropy
    from controls
    group by run, model, edit, contrast
),

numbers as (
    select distinct
        contrast,
        number
    from controls
),

draws as (
    select unnest(range(1, {{ var('bootstrap_draws') }} + 1))::integer as draw
),

uniforms as (
    select
        numbers.contrast,
        numbers.number,
        draws.draw,
        {{ hashed_uniform("numbers.contrast || ' ' || numbers.number || ' of draw ' || draws.draw") }} as uniform
    from numbers
    cross join draws
),

control_weights as (
    select
        contrast,
        number,
        draw,
        {{ poisson_weight('uniform') }}::integer as weight
    from uniforms
),

over_controls as (
    select
        controls.run,
        controls.model,
        controls.edit,
        controls.contrast,
        control_weights.draw,
        sum(control_weights.weight * controls.delta_loss order by controls.number)
        / sum(control_weights.weight) as delta_loss,
        sum(control_weights.weight * controls.kl order by controls.number)
        / sum(control_weights.weight) as kl,
        sum(control_weights.weight * controls.agreement order by controls.number)
        / sum(control_weights.weight) as agreement,
        sum(control_weights.weight * controls.delta_entropy order by controls.number)
        / sum(control_weights.weight) as delta_entropy
    from controls
    inner join control_weights
        on
            controls.contrast = control_weights.contrast
            and controls.number = control_weights.number
    group by controls.run, controls.model, controls.edit, controls.contrast, control_weights.draw
    having sum(control_weights.weight) > 0
),

drawn as (
    select
        over_documents.run,
        over_documents.model,
        over_documents.edit,
        over_documents.contrast,
    {% for quantity in ['delta_loss', 'kl', 'agreement', 'delta_entropy'] %}
    over_documents.{{ quantity }}
    - coalesce(over_controls.{{ quantity }} - control_means.{{ quantity }}, 0) as {{ quantity }}
    {{- ',' if not loop.last }}
    {% endfor %}
    from over_documents
    left join over_controls
        on
            over_documents.run = over_controls.run
            and over_documents.model = over_controls.model
            and over_documents.edit = over_controls.edit
            and over_documents.contrast = over_controls.contrast
            and over_documents.draw = over_controls.draw
    left join control_means
        on
            over_controls.run = control_means.run
            and over_controls.model = control_means.model
            and over_controls.edit = control_means.edit
            and over_controls.contrast = control_means.contrast
),

quantiles as (
    select
        run,
        model,
        edit,
        contrast,
    {% for quantity in ['delta_loss', 'kl', 'agreement', 'delta_entropy'] %}
    quantile_cont({{ quantity }}, 0.025) as {{ quantity }}_low,
    quantile_cont({{ quantity }}, 0.975) as {{ quantity }}_high
    {{- ',' if not loop.last }}
    {% endfor %}
    from drawn
    group by run, model, edit, contrast
),

intervals as (
    select
        estimates.run,
        estimates.model,
        estimates.edit,
        estimates.contrast,
    {% for quantity in ['delta_loss', 'kl', 'agreement', 'delta_entropy'] %}
    estimates.{{ quantity }},
    quantiles.{{ quantity }}_low,
    quantiles.{{ quantity }}_high
    {{- ',' if not loop.last }}
    {% endfor %}
    from estimates
    left join quantiles
        on
            estimates.run = quantiles.run
            and estimates.model = quantiles.model
            and estimates.edit = quantiles.edit
            and estimates.contrast = quantiles.contrast
)

select * from intervals
