with

activation_sums as (
    select * from {{ ref('int_activation_sums') }}
),

moments as (
    select * from {{ ref('int_moments') }}
    where quantity = 'post' and {{ of_new_runs('run') }}
),

supports as (
    select
        activation_sums.run,
        activation_sums.model,
        activation_sums.layer,
        activation_sums.neuron,
        case when not activation_sums.is_dead then activation_sums.n_text / nullif(moments.kurt, 0) end as support
    from activation_sums
    inner join moments
        on
            activation_sums.run = moments.run
            and activation_sums.model = moments.model
            and activation_sums.layer = moments.layer
            and activation_sums.neuron = moments.neuron
)

select * from supports
