{#
    The rule of families as a DuckDB table macro: neuron_families calls it with the vars, a reader with any cut-offs. A
    neuron is of the family whose best feature takes most of its variance away, among those above their own cut-off:
    the reduction itself for unigram, alphabet and position, the held-out one for the others. `none` is under every
    cut-off and has the support to say so; a dead neuron, or one that too few positions speak of, has no family.
#}
{% macro create_rule_family() -%}
    create or replace macro marts.rule_family(
        unigram_cutoff, alphabet_cutoff, previous_token_cutoff, position_cutoff, syntax_cutoff, semantic_cutoff,
        support_cutoff
    ) as table
    with
    asked as (
        select
            family,
            family_order,
            cutoff,
            is_heldout
        from (
            values
            ('unigram', 1, unigram_cutoff, false),
            ('alphabet', 2, alphabet_cutoff, false),
            ('previous_token', 3, previous_token_cutoff, true),
            ('position', 4, position_cutoff, false),
            ('syntax', 5, syntax_cutoff, true),
            ('semantic', 6, semantic_cutoff, true)
        ) as rules (family, family_order, cutoff, is_heldout)
    ),
    judged as (
        select
            scores.*,
            asked.family_order,
            case when asked.is_heldout then scores.heldout_score else scores.score end > asked.cutoff as passes
        from {{ ref('int_family_scores') }} as scores
        inner join asked on scores.family = asked.family
    ),
    gathered as (
        select
            run,
            model,
            layer,
            neuron,
            list(
                {
                    'family': family, 'feature': feature, 'lag': lag, 'strength': score, 'heldout_strength': heldout_score
                }
                order by score desc, family_order
            ) filter (where passes) as families,
            list({'feature': feature, 'score': score, 'family': family} order by score desc, family_order) as ranked,
            max(score) as largest_score
        from judged
        group by run, model, layer, neuron
    ),
    chosen as (
        select
            *,
            list_filter(ranked, lambda each: each.feature is distinct from families[1].feature)[1] as runner_up
        from gathered
    )
    select
        chosen.run,
        chosen.model,
        chosen.layer,
        chosen.neuron,
        case
            when chosen.families is not null then chosen.families[1].family
            when supports.support >= support_cutoff then 'none'
        end as family,
        chosen.families[1].feature as feature,
        chosen.families[1].lag as lag,
        chosen.families[1].strength as strength,
        chosen.families[1].heldout_strength as heldout_strength,
        coalesce(len(chosen.families), 0) as n_families,
        chosen.runner_up.family as runner_up_family,
        chosen.runner_up.feature as runner_up_feature,
        chosen.runner_up.score as runner_up_strength,
        chosen.largest_score,
        supports.support
    from chosen
    left join {{ ref('int_supports') }} as supports
        on
            chosen.run = supports.run
            and chosen.model = supports.model
            and chosen.layer = supports.layer
            and chosen.neuron = supports.neuron
{%- endmacro %}
