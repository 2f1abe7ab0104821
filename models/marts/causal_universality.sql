with

experiments as (
    select * from {{ ref('int_experiments') }}
),

pair_sums as (
    select * from {{ ref('stg_raw__pair_sums') }}
),

partners as (
    select * from {{ ref('neuron_partners') }}
),

groups as (
    select
        pair_sums.*,
        experiments.neurons
    from pair_sums
    inner join experiments
        on
            pair_sums.run = experiments.run
            and pair_sums.model = experiments.model
),

totals as (
    select
        run,
        model,
        layer,
        neuron,
        other_model,
        other_layer,
        other_neuron,
        control,
        kind,
        neurons,
        doc_group,
        n,
        sum_x,
        sum_y,
        sum_xx,
        sum_yy,
        sum_xy,
        sum(n) over pair as all_n,
        sum(sum_x) over pair as all_x,
        sum(sum_y) over pair as all_y,
        sum(sum_xx) over pair as all_xx,
        sum(sum_yy) over pair as all_yy,
        sum(sum_xy) over pair as all_xy
    from groups
    window pair as (
        partition by run, model, layer, neuron, other_model, other_layer, other_neuron, kind
        order by doc_group
        rows between unbounded preceding and unbounded following
    )
),

-- The correlation of all groups, and of all but one.
correlated as (
    select
        *,
        {{ correlation_of_sums('all_n', 'all_x', 'all_y', 'all_xx', 'all_yy', 'all_xy') }} as corr,
        {{ correlation_of_sums(
            'all_n - n', 'all_x - sum_x', 'all_y - sum_y', 'all_xx - sum_xx', 'all_yy - sum_yy', 'all_xy - sum_xy'
        ) }} as corr_without
    from totals
),

pairs as (
    select
        run,
        model,
        layer,
        neuron,
        other_model,
        other_layer,
        other_neuron,
        control,
        kind,
        neurons,
        any_value(all_n)::bigint as n_positions,
        any_value(all_x / all_n) as delta_loss,
        any_value(all_y / all_n) as other_delta_loss,
        any_value(corr) as corr,
        count(corr_without)::integer as n_groups,
        sqrt((count(corr_without) - 1) * var_pop(corr_without order by doc_group)) as corr_se
    from correlated
    group by
        run, model, layer, neuron, other_model, other_layer, other_neuron, control, kind, neurons
),

compared as (
    select
        matched.model,
        matched.neurons,
        matched.kind as mode,
        matched.layer,
        matched.neuron,
        matched.other_model,
        matched.other_layer,
        matched.other_neuron,
        matched.n_positions,
        matched.delta_loss,
        matched.other_delta_loss,
        matched.corr as loss_corr,
        matched.corr_se as loss_corr_se,
        random.other_neuron as random_neuron,
        random.corr as random_loss_corr,
        partners.max_corr,
        matched.run
    from pairs as matched
    left join pairs as random
        on
            matched.run = random.run
            and matched.model = random.model
            and matched.layer = random.layer
            and matched.neuron = random.neuron
            and matched.kind = random.kind
            and random.control = 'random'
    left join partners
        on
            matched.model = partners.model
            and matched.layer = partners.layer
            and matched.neuron = partners.neuron
            and matched.other_model = partners.other_model
    where matched.control = 'matched'
)

select * from compared
order by model, neurons, mode, other_model, layer, neuron
