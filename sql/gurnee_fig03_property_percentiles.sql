-- Where in their layer do universal neurons lie in eight properties (letter values of their percentiles)?
-- Source: Gurnee et al. 2024, Figure 3
-- $model: name of a model; all models without it
with

judged as (
    select
        model,
        layer,
        neuron,
        is_universal
    from marts.neurons
    where
        is_universal is not null
        and ($model::varchar is null or model = $model::varchar)
),

percentiles as (
    select * from marts.neuron_percentiles
    unpivot (
        pct for property in (
            sparsity_pct, mean_pct, skew_pct, kurt_pct, input_bias_pct, in_out_sim_pct, l2_penalty_pct, vocab_kurt_pct
        )
    )
),

-- Where the property is known of universal neurons only, they have no place among others.
letters as (
    select
        judged.model,
        replace(percentiles.property, '_pct', '') as property,
        (count(*) filter (where judged.is_universal))::integer as n_universal,
        quantile_cont(percentiles.pct, [1 / 2, 1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128])
        filter (where judged.is_universal) as lows,
        quantile_cont(percentiles.pct, [1 / 2, 3 / 4, 7 / 8, 15 / 16, 31 / 32, 63 / 64, 127 / 128])
        filter (where judged.is_universal) as highs
    from judged
    inner join percentiles
        on
            judged.model = percentiles.model
            and judged.layer = percentiles.layer
            and judged.neuron = percentiles.neuron
    group by judged.model, percentiles.property
    having count(*) > n_universal
),

unnested as (
    select
        model,
        property,
        n_universal,
        unnest(range(1, array_length(lows) + 1)) as depth,
        lows,
        highs
    from letters
),

-- Tukey's rule: a letter for as long as some eight neurons lie beyond it; never less than the box.
boxes as (
    select
        model,
        array_position(
            ['sparsity', 'mean', 'skew', 'kurt', 'input_bias', 'in_out_sim', 'l2_penalty', 'vocab_kurt'], property
        ) as place,
        property,
        ['M', 'F', 'E', 'D', 'C', 'B', 'A'][depth::integer] as letter,
        0.5 ** depth as tail,
        lows[depth::integer] as low,
        highs[depth::integer] as high,
        n_universal
    from unnested
    where depth <= greatest(2, floor(log2(n_universal)) - 3)
)

select * from boxes
order by model asc, place asc, tail desc
