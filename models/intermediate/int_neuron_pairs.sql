with

runs as (
    select * from {{ ref('stg_raw__runs') }}
    where status = 'finished'
),

pairs as (
    select * from {{ ref('stg_raw__pairs') }}
),

-- Every neuron of a model has weights; dead ones have no correlations.
neurons as (
    select * from {{ ref('stg_raw__weights') }}
),

layer_bests as (
    select * from {{ ref('stg_raw__layer_bests') }}
),

baselines as (
    select * from {{ ref('stg_raw__baselines') }}
),

bests as (
    select
        run,
        model,
        layer,
        neuron,
        other_model,
        max_corr,
        other_layer,
        max_neuron as other_neuron,
        min(min_corr) over (partition by run, model, layer, neuron, other_model) as min_corr
    from layer_bests
    qualify
        row_number() over (
            partition by run, model, layer, neuron, other_model
            order by max_corr desc, other_layer asc, max_neuron asc
        ) = 1
),

draw_maxima as (
    select
        run,
        model,
        layer,
        neuron,
        other_model,
        draw,
        max(max_corr) as max_corr
    from baselines
    group by run, model, layer, neuron, other_model, draw
),

-- The maximum comes first: the mean over draws before it would lower the baseline. Ordered, so that two builds agree
-- to the last bit and so do the labels.
draw_means as (
    select
        run,
        model,
        layer,
        neuron,
        other_model,
        avg(max_corr order by draw) as baseline,
        stddev_samp(max_corr order by draw) as baseline_sd
    from draw_maxima
    group by run, model, layer, neuron, other_model
),

filled as (
    select
        pairs.run,
        pairs.relation,
        neurons.model,
        neurons.layer,
        neurons.neuron,
        pairs.other_model,
        coalesce(bests.max_corr, 0) as max_corr,
        bests.other_layer,
        bests.other_neuron,
        coalesce(bests.min_corr, 0) as min_corr,
        case when runs.baseline_draws > 0 then coalesce(draw_means.baseline, 0) end as baseline,
        case when runs.baseline_draws > 1 then coalesce(draw_means.baseline_sd, 0) end as baseline_sd,
        bests.max_corr is null as is_dead
    from pairs
    inner join runs on pairs.run = runs.run
    inner join neurons
        on
            pairs.run = neurons.run
            and pairs.model = neurons.model
    left join bests
        on
            pairs.run = bests.run
            and pairs.other_model = bests.other_model
            and neurons.model = bests.model
            and neurons.layer = bests.layer
            and neurons.neuron = bests.neuron
    left join draw_means
        on
            pairs.run = draw_means.run
            and pairs.other_model = draw_means.other_model
            and neurons.model = draw_means.model
            and neurons.layer = draw_means.layer
            and neurons.neuron = draw_means.neuron
),

mutual as (
    select
        filled.*,
        coalesce(back.other_layer = filled.layer and back.other_neuron = filled.neuron, false) as is_mutual
    from filled
    left join filled as back
        on
            filled.run = back.run
            and filled.model = back.other_model
            and filled.other_model = back.model
            and filled.other_layer = back.layer
            and filled.other_neuron = back.neuron
)

select * from mutual
