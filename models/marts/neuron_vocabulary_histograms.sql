with

speaking as (
    select * from {{ ref('int_speaking_runs') }}
    where measure = 'weights'
),

histograms as (
    select histograms.*
    from {{ ref('stg_raw__vocabulary_histograms') }} as histograms
    inner join speaking
        on
            histograms.run = speaking.measured_in
            and histograms.model = speaking.model
),

edged as (
    select
        model,
        layer,
        neuron,
        effect,
        list_transform(range(len(counts) - 1), lambda bin: lowest + step * bin) as bin_edges,
        counts[2:len(counts) - 1] as bin_counts,
        counts[1] as n_below,
        counts[len(counts)] as n_above,
        run
    from histograms
)

select * from edged
