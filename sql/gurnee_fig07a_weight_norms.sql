-- How are the squared norms of neurons' weights distributed, and where are the entropy neurons?
-- Source: Gurnee et al. 2024, Figures 7a and 25a
-- $model: name of a model; all models without it
-- $width: of a bin; 0.05 without it
with

entropy as (
    select
        model,
        layer,
        neuron
    from marts.neuron_roles
    where
        role = 'entropy'
        and passes
),

binned as (
    select
        model,
        layer,
        neuron,
        is_universal,
        coalesce($width::double, 0.05) as width,
        floor(l2_penalty / width) as bin
    from marts.neurons
    where
        l2_penalty is not null
        and ($model::varchar is null or model = $model::varchar)
),

neurons as (
    select
        binned.model,
        binned.width,
        binned.bin,
        case when entropy.model is not null then 'L' || binned.layer || '.N' || binned.neuron end as entropy_neuron,
        binned.is_universal
    from binned
    left join entropy
        on
            binned.model = entropy.model
            and binned.layer = entropy.layer
            and binned.neuron = entropy.neuron
),

bins as (
    select
        model,
        round(bin * width, 6) as bin_low,
        round((bin + 1) * width, 6) as bin_high,
        count(*)::integer as n_neurons,
        (count(*) filter (where is_universal))::integer as n_universal,
        case
            when count(entropy_neuron) > 0
                then list_sort(list(entropy_neuron) filter (where entropy_neuron is not null))
        end as entropy_neurons
    from neurons
    group by model, width, bin
)

select * from bins
order by model, bin_low
