-- How do universal neurons differ from the rest in seven properties, layer by layer (letter values)?
-- Source: Gurnee et al. 2024, Figure 14
-- $model: name of a model; all models without it
-- $layer: block, from 0; all layers without it
with

neurons as (
    select
        model,
        layer,
        is_universal,
        vocab_kurt,
        vocab_skew,
        in_out_sim,
        l2_penalty,
        sparsity,
        skew,
        kurt
    from marts.neurons
    where
        is_universal is not null
        and ($model::varchar is null or model = $model::varchar)
        and ($layer::integer is null or layer = $layer::integer)
),

measured as (
    select * from neurons
    unpivot (value for property in (vocab_kurt, vocab_skew, in_out_sim, l2_penalty, sparsity, skew, kurt))
),

letters as (
    select
        model,
        property,
        layer,
        is_universal,
        count(*)::integer as n_neurons,
        quantile_cont(value, [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256]) as lows,
        quantile_cont(value, [1 / 2, 3 / 4, 7 / 8, 15 / 16, 31 / 32, 63 / 64, 127 / 128, 255 / 256]) as highs
    from measured
    group by model, property, layer, is_universal
),

unnested as (
    select
        model,
        property,
        layer,
        is_universal,
        n_neurons,
        unnest(range(1, array_length(lows) + 1)) as depth,
        lows,
        highs
    from letters
),

-- Tukey's rule: a letter for as long as some eight neurons lie beyond it; never less than the box.
boxes as (
    select
        model,
        property,
        layer,
        is_universal,
        ['M', 'F', 'E', 'D', 'C', 'B', 'A', 'Z'][depth::integer] as letter,
        0.5 ** depth as tail,
        lows[depth::integer] as low,
        highs[depth::integer] as high,
        n_neurons
    from unnested
    where depth <= greatest(2, floor(log2(n_neurons)) - 3)
)

select * from boxes
order by model asc, property asc, layer asc, is_universal desc, tail desc
