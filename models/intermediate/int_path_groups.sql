-- Over all positions, and over those in the second half of each row, where the published figure is from.
with

experiments as (
    select * from {{ ref('int_experiments') }}
    where kind = 'attention'
),

sums as (
    select * from {{ ref('stg_raw__path_sums') }}
),

sequences as (
    select * from {{ ref('stg_raw__experiment_sequences') }}
),

spans as (
    select unnest(['all', 'second half']) as span
),

grouped as (
    select
        sums.run,
        sums.model,
        sums.path,
        spans.span,
        sequences.doc_group,
        sum(sums.n)::bigint as n,
    {% for name in [
        'activation', 'attention', 'delta', 'norm', 'norm_without', 'ratio', 'sum_aa', 'sum_dd', 'sum_rr', 'sum_ad',
        'sum_dr', 'sum_ar'
    ] %}
    sum(sums.{{ name }} order by sums.sequence, sums.is_late) as {{ name }}
    {{- ',' if not loop.last }}
    {% endfor %}
    from sums
    inner join experiments
        on
            sums.run = experiments.run
            and sums.model = experiments.model
    inner join sequences
        on
            sums.run = sequences.run
            and sums.sequence = sequences.sequence
    inner join spans on sums.is_late or spans.span = 'all'
    group by sums.run, sums.model, sums.path, spans.span, sequences.doc_group
)

select * from grouped
where n > 0
