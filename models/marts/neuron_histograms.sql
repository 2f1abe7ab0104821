with

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'features'
),

histograms as (
    select
        histograms.model,
        histograms.layer,
        histograms.neuron,
        list_transform(
            range(len(histograms.counts) - 1), lambda bin: histograms.lowest + histograms.step * bin
        ) as bin_edges,
        histograms.counts[2:len(histograms.counts) - 1]::bigint[] as bin_counts,
        histograms.counts[1]::bigint as n_below,
        histograms.counts[len(histograms.counts)]::bigint as n_above,
        histograms.run
    from {{ ref('stg_raw__histograms') }} as histograms
    inner join speaking
        on
            histograms.run = speaking.run
            and histograms.model = speaking.model
)

select * from histograms
