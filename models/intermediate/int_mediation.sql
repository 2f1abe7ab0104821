-- Sums over drawn documents are of whole numbers, so that their order, which is not fixed, decides no bit.
with

documents as (
    select * from {{ ref('int_entropy_documents') }}
),

edits as (
    select * from {{ ref('stg_raw__entropy_edits') }}
    where kind = 'mean'
),

weights as (
    select * from {{ ref('int_bootstrap_weights') }}
),

changes as (
    {% for quantity, change in [
        ('loss', 'delta_loss'), ('absolute_loss', 'absolute_loss'), ('entropy', 'delta_entropy'),
        ('frequency_kl', 'delta_frequency_kl')
    ] %}
    select
        documents.run,
        documents.model,
        edits.layer,
        edits.neuron,
        edits.frozen,
        '{{ quantity }}' as quantity,
        documents.document,
        documents.n,
        documents.{{ change }} as change
    from documents
    inner join edits
        on
            documents.run = edits.run
            and documents.model = edits.model
            and documents.edit = edits.edit
    {{ 'union all' if not loop.last }}
    {% endfor %}
),

effects as (
    select
        direct.run,
        direct.model,
        direct.layer,
        direct.neuron,
        direct.frozen,
        direct.quantity,
        direct.document,
        direct.n,
        total.change as total,
        direct.change as direct,
        (total.change * 2 ** 32)::bigint as whole_total,
        (direct.change * 2 ** 32)::bigint as whole_direct
    from changes as direct
    inner join changes as total
        on
            direct.run = total.run
            and direct.model = total.model
            and direct.layer = total.layer
            and direct.neuron = total.neuron
            and direct.quantity = total.quantity
            and direct.document = total.document
            and total.frozen is null
    where direct.frozen is not null
),

estimates as (
    select
        run,
        model,
        layer,
        neuron,
        frozen,
        quantity,
        sum(n)::bigint as n_positions,
        count(*)::integer as n_documents,
        sum(total order by document) / sum(n) as total_effect,
        sum(direct order by document) / sum(n) as direct_effect
    from effects
    group by run, model, layer, neuron, frozen, quantity
),

drawn as (
    select
        effects.run,
        effects.model,
        effects.layer,
        effects.neuron,
        effects.frozen,
        effects.quantity,
        weights.draw,
        sum(weights.weight * effects.whole_total) / sum(weights.weight * effects.n) / 2 ** 32 as total_effect,
        sum(weights.weight * effects.whole_direct) / sum(weights.weight * effects.n) / 2 ** 32 as direct_effect,
        1 - abs(direct_effect) / nullif(abs(total_effect), 0) as mediated_share
    from effects
    inner join weights on effects.document = weights.document
    group by
        effects.run, effects.model, effects.layer, effects.neuron, effects.frozen, effects.quantity, weights.draw
    having sum(weights.weight * effects.n) > 0
),

quantiles as (
    select
        run,
        model,
        layer,
        neuron,
        frozen,
        quantity,
    {% for effect in ['total_effect', 'direct_effect', 'mediated_share'] %}
    quantile_cont({{ effect }}, 0.025) as {{ effect }}_low,
    quantile_cont({{ effect }}, 0.975) as {{ effect }}_high
    {{- ',' if not loop.last }}
    {% endfor %}
    from drawn
    group by run, model, layer, neuron, frozen, quantity
),

intervals as (
    select
        estimates.*,
        quantiles.total_effect_low,
        quantiles.total_effect_high,
        quantiles.direct_effect_low,
        quantiles.direct_effect_high,
        quantiles.total_effect_low > 0 or quantiles.total_effect_high < 0 as is_an_effect,
        1 - abs(estimates.direct_effect) / nullif(abs(estimates.total_effect), 0) as mediated_share,
        quantiles.mediated_share_low,
        quantiles.mediated_share_high
    from estimates
    left join quantiles
        on
            estimates.run = quantiles.run
            and estimates.model = quantiles.model
            and estimates.layer = quantiles.layer
            and estimates.neuron = quantiles.neuron
            and estimates.frozen = quantiles.frozen
            and estimates.quantity = quantiles.quantity
)

select * from intervals
