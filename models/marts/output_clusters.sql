-- depends_on: {{ ref('neuron_features') }}
-- depends_on: {{ ref('neuron_universality') }}
with

ruled as (
    select * from marts.rule_output_cluster({{ var('output_cutoff') }})
)

select * from ruled
order by model asc, n_neurons desc, feature asc, action asc
