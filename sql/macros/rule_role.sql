{#
    The rule of roles as a DuckDB table macro: neuron_roles calls it with the vars, a reader with any cut-offs. The
    published cut-offs were found in models of width 768 to 1024 and depend on width; the calibrated ones are quantiles
    of what random directions have in the same model: null_share of them lie below, or above for what must be small.

    prediction, suppression: vocab_kurt, with positive or negative skew.
    partition: vocab_var.
    entropy: how much more of w_out than of a random direction lies in the part null_part of the unembedding's null
    space. In the last entropy_layers layers only, where the published candidates are from. Published: their pool, by
    bounds of l2_penalty, vocab_kurt and vocab_var; the one of the activations' kurtosis needs text and is left out.
    Calibrated: the share beyond the quantile, a variance of logit effects that is small for the norm of w_out, and a
    norm that at least entropy_norm_share of the model's neurons do not reach.
    attention: the largest absolute score of attention to BOS among later heads, for a w_out of norm 1.
#}
{% macro create_rule_role() -%}
    create or replace macro marts.rule_role(
        kurt_cutoff, var_cutoff, null_share, null_part, entropy_layers, entropy_norm_share, entropy_l2_cutoff,
        entropy_var_cutoff, attention_cutoff
    ) as table
    with
    properties as (
        select
            model,
            layer,
            neuron,
            vocab_kurt,
            vocab_skew,
            vocab_var,
            l2_penalty,
            logit_var / nullif(w_out_norm ** 2, 0) as unit_logit_var,
            case null_part
                when 0.02 then null_share_02
                when 0.05 then null_share_05
                when 0.1 then null_share_10
            end as space_share,
            max(layer) over (partition by model) - layer < entropy_layers as is_late,
            percent_rank() over (partition by model order by w_out_norm) >= entropy_norm_share as is_large,
            weights_run as run
        from {{ ref('int_neuron_properties') }}
    ),
    parts as (
        select
            run,
            model,
            n_directions / n_all as expected_share,
            'part_' || lpad(round(100 * part)::integer::varchar, 2, '0') as statistic
        from {{ ref('stg_raw__null_spaces') }}
        where part = null_part
    ),
    nulls as (
        select
            quantiles.run,
            quantiles.model,
            max(quantiles.value) filter (
                where quantiles.statistic = 'vocab_kurt' and quantiles.quantile = null_share
            ) as null_kurt,
            max(quantiles.value) filter (
                where quantiles.statistic = 'vocab_var' and quantiles.quantile = null_share
            ) as null_var,
            max(quantiles.value) filter (
                where quantiles.statistic = 'logit_var' and quantiles.quantile = round(1 - null_share, 6)
            ) as null_logit_var,
            max(quantiles.value - parts.expected_share) filter (
                where quantiles.statistic = parts.statistic and quantiles.quantile = null_share
            ) as null_space_share
        from {{ ref('stg_raw__vocabulary_nulls') }} as quantiles
        left join parts
            on
                quantiles.run = parts.run
                and quantiles.model = parts.model
        group by quantiles.run, quantiles.model
    ),
    of_vocabulary as (
        select
            properties.model,
            properties.layer,
            properties.neuron,
            role.role,
            case when role.role = 'partition' then properties.vocab_var else properties.vocab_kurt end as score,
            case when role.role = 'partition' then var_cutoff else kurt_cutoff end::double as cutoff,
            case when role.role = 'partition' then nulls.null_var else nulls.null_kurt end as null_quantile,
            case role.role
                when 'prediction' then properties.vocab_skew > 0
                when 'suppression' then properties.vocab_skew < 0
                else true
            end as has_sign,
            has_sign and score > cutoff as passes_published,
            has_sign and score > null_quantile as passes,
            properties.run
        from properties
        cross join (select unnest(['prediction', 'suppression', 'partition']) as role) as role
        left join nulls
            on
                properties.run = nulls.run
                and properties.model = nulls.model
    ),
    of_entropy as (
        select
            properties.model,
            properties.layer,
            properties.neuron,
            'entropy' as role,
            properties.space_share as score,
            null::double as cutoff,
            nulls.null_space_share as null_quantile,
            properties.is_late
            and properties.l2_penalty >= entropy_l2_cutoff
            and properties.vocab_kurt <= kurt_cutoff
            and properties.vocab_var <= entropy_var_cutoff as passes_published,
            properties.is_late
            and properties.is_large
            and properties.unit_logit_var < nulls.null_logit_var
            and properties.space_share > nulls.null_space_share as passes,
            properties.run
        from properties
        left join nulls
            on
                properties.run = nulls.run
                and properties.model = nulls.model
    ),
    of_attention as (
        select
            properties.model,
            properties.layer,
            properties.neuron,
            'attention' as role,
            abs(heads.score) as score,
            attention_cutoff::double as cutoff,
            nulls.value as null_quantile,
            abs(heads.score) > attention_cutoff as passes_published,
            abs(heads.score) > nulls.value as passes,
            properties.run
        from properties
        inner join {{ ref('stg_raw__head_scores') }} as heads
            on
                properties.run = heads.run
                and properties.model = heads.model
                and properties.layer = heads.layer
                and properties.neuron = heads.neuron
                and heads.kind = 'bos'
                and heads.rank = 1
        left join {{ ref('stg_raw__head_nulls') }} as nulls
            on
                heads.run = nulls.run
                and heads.model = nulls.model
                and heads.layer = nulls.layer
                and heads.kind = nulls.kind
                and nulls.quantile = null_share
    ),
    judged as (
        select * exclude (has_sign) from of_vocabulary
        union all by name
        select * from of_entropy
        union all by name
        select * from of_attention
    )
    select
        model,
        layer,
        neuron,
        role,
        score,
        cutoff,
        null_quantile,
        coalesce(passes_published, false) as passes_published,
        coalesce(passes, false) as passes,
        run
    from judged
    where score is not null
{%- endmacro %}
