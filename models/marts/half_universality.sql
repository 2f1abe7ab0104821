with

halves as (
    select * from {{ ref('int_partial_scores') }}
    where comparison = 'seeds' and last_group - first_group = 8
),

judged as (
    select
        model,
        first_group,
        layer,
        neuron,
        n_positions,
        excess_corr,
        excess_corr > {{ var('universal_threshold') }} as is_universal,
        run
    from halves
)

select * from judged
order by model, first_group, layer, neuron
