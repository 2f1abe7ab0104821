{% set statistics = ['mean', 'var', 'skew', 'kurt', 'sparsity'] %}
with

activation_halves as (
    select * from {{ ref('int_activation_halves') }}
    where {{ of_new_runs('run') }}
),

activation_sums as (
    select * from {{ ref('int_activation_sums') }}
    where not is_dead and {{ of_new_runs('run') }}
),

moments as (
    select * from {{ ref('int_moments') }}
    where {{ of_new_runs('run') }}
),

described as (
    select
        halves.run,
        halves.model,
        halves.layer,
        halves.neuron,
        halves.half,
        halves.n,
        moments.mean,
        moments.var,
        moments.skew,
        moments.kurt,
        halves.n_positive / halves.n as sparsity
    from activation_halves as halves
    inner join moments
        on
            halves.run = moments.run
            and halves.model = moments.model
            and halves.layer = moments.layer
            and halves.neuron = moments.neuron
            and 'pre_' || halves.half = moments.quantity
    semi join activation_sums
        on
            halves.run = activation_sums.run
            and halves.model = activation_sums.model
            and halves.layer = activation_sums.layer
            and halves.neuron = activation_sums.neuron
),

paired as (
    select
        a.model,
        a.layer,
        a.neuron,
        a.n as n_a,
        b.n as n_b,
        {% for statistic in statistics %}
        a.{{ statistic }} as {{ statistic }}_a,
        b.{{ statistic }} as {{ statistic }}_b,
        {% endfor %}
        a.run
    from described as a
    inner join described as b
        on
            a.run = b.run
            and a.model = b.model
            and a.layer = b.layer
            and a.neuron = b.neuron
            and a.half = 'first'
            and b.half = 'second'
),

values_of_halves as (
    {% for statistic in statistics %}
    select
        run,
        model,
        '{{ statistic }}' as statistic,
        layer,
        neuron,
        n_a,
        n_b,
        {{ statistic }}_a as value_a,
        {{ statistic }}_b as value_b
    from paired
    where {{ statistic }}_a is not null and {{ statistic }}_b is not null
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

ranked as (
    select
        *,
        {{ mean_rank_percentile('value_a', 'run, model, statistic') }} as rank_a,
        {{ mean_rank_percentile('value_b', 'run, model, statistic') }} as rank_b
    from values_of_halves
),

compared as (
    select
        run,
        model,
        statistic,
        {{ halves_compared() }}
    from ranked
    group by run, model, statistic
)

select * exclude (pearson, spearman) from compared
