with

step_pairs as (
    select * from {{ ref('int_step_pairs') }}
),

halves as (
    select * from {{ ref('half_universality') }}
    qualify bool_or(first_group = 8) over (partition by model)
),

-- A neuron that is silent in a half has no row there, and is not universal in it.
by_neuron as (
    select
        model,
        layer,
        neuron,
        bool_or(is_universal and first_group = 0) as in_first,
        bool_or(is_universal and first_group = 8) as in_second
    from halves
    group by model, layer, neuron
),

judged as (
    select
        step_pairs.model_from,
        earlier.layer,
        earlier.in_first::integer as first_from,
        earlier.in_second::integer as second_from,
        coalesce(later.in_first, false)::integer as first_to,
        coalesce(later.in_second, false)::integer as second_to
    from step_pairs
    inner join by_neuron as earlier on step_pairs.model_from = earlier.model
    left join by_neuron as later
        on
            step_pairs.model_to = later.model
            and earlier.layer = later.layer
            and earlier.neuron = later.neuron
    where step_pairs.model_to in (select by_neuron.model from by_neuron)
),

counted as (
    select
        model_from,
        coalesce('L' || layer, 'model') as scope,
        sum(first_from + second_from)::integer as n_in_halves,
        (2 * sum(first_from * second_from))::integer as n_in_other_half,
        sum(first_from * second_to + second_from * first_to)::integer as n_in_other_half_later
    from judged
    group by grouping sets ((model_from, layer), (model_from))
)

select * from counted
