with

experiments as (
    select * from {{ ref('int_experiments') }}
    where kind = 'lens'
),

sums as (
    select * from {{ ref('stg_raw__subword_sums') }}
),

sequences as (
    select * from {{ ref('stg_raw__experiment_sequences') }}
),

by_document as (
    select
        sums.run,
        sums.model,
        sums.layer,
        sums.head,
        sequences.document,
        coalesce(sum(sums.n) filter (where sums.kind = 'pieces'), 0) as n_words,
        coalesce(sum(sums.n) filter (where sums.kind = 'whole'), 0) as n_whole,
        coalesce(
            sum(list_sum(sums.attention) order by sums.sequence) filter (where sums.kind = 'pieces'), 0
        ) as to_pieces,
        coalesce(
            sum(list_sum(sums.attention) order by sums.sequence) filter (where sums.kind = 'whole'), 0
        ) as of_whole
    from sums
    inner join experiments
        on
            sums.run = experiments.run
            and sums.model = experiments.model
    inner join sequences
        on
            sums.run = sequences.run
            and sums.sequence = sequences.sequence
    group by sums.run, sums.model, sums.layer, sums.head, sequences.document
),

means as (
    select
        *,
        sum(to_pieces) over head / nullif(sum(n_words) over head, 0) as mean_to_pieces,
        sum(of_whole) over head / nullif(sum(n_whole) over head, 0) as mean_of_whole,
        sum(n_words) over head as all_words,
        sum(n_whole) over head as all_whole
    from by_document
    window head as (
        partition by run, model, layer, head
        order by document
        rows between unbounded preceding and unbounded following
    )
),

-- What each document adds to the difference of the two means, to first order: documents vary, not positions.
heads as (
    select
        run,
        model,
        layer,
        head,
        any_value(all_words)::bigint as n_words,
        any_value(all_whole)::bigint as n_whole,
        count(*)::integer as n_documents,
        any_value(mean_to_pieces) as attention_to_pieces,
        any_value(mean_of_whole) as attention_of_whole,
        any_value(mean_to_pieces - mean_of_whole) as difference,
        case
            when count(*) > 1
                then
                    sqrt(
                        count(*) / (count(*) - 1) * sum(
                            (
                                (to_pieces - n_words * mean_to_pieces) / all_words
                                - (of_whole - n_whole * mean_of_whole) / all_whole
                            ) ** 2
                            order by document
                        )
                    )
        end as difference_se
    from means
    group by run, model, layer, head
)

select
    model,
    layer,
    head,
    n_words,
    n_whole,
    n_documents,
    attention_to_pieces,
    attention_of_whole,
    difference,
    difference_se,
    run
from heads
where n_words > 0 and n_whole > 0
order by model, layer, head
