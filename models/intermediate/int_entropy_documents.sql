with

experiments as (
    select * from {{ ref('int_experiments') }}
    where kind = 'entropy'
),

sums as (
    select * from {{ ref('stg_raw__entropy_sums') }}
),

sequences as (
    select * from {{ ref('stg_raw__experiment_sequences') }}
),

clean as (
    select * from sums
    where edit = 0
),

documents as (
    select
        sums.run,
        sums.model,
        sums.edit,
        sequences.document,
        sum(sums.n)::bigint as n,
        {% for quantity in ['scale', 'loss', 'entropy', 'reciprocal_rank', 'frequency_kl'] %}
        sum(sums.{{ quantity }} order by sums.sequence) as {{ quantity }},
        sum(sums.{{ quantity }} - clean.{{ quantity }} order by sums.sequence) as delta_{{ quantity }},
        {% endfor %}
        sum(sums.absolute_loss order by sums.sequence) as absolute_loss
    from sums
    inner join experiments
        on
            sums.run = experiments.run
            and sums.model = experiments.model
    inner join clean
        on
            sums.run = clean.run
            and sums.model = clean.model
            and sums.sequence = clean.sequence
    inner join sequences
        on
            sums.run = sequences.run
            and sums.sequence = sequences.sequence
    group by sums.run, sums.model, sums.edit, sequences.document
)

select * from documents
where n > 0
