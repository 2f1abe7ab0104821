-- What can a warehouse hold, for how many models does this one hold it, and which command fills it?
with

weights as (
    select
        count(distinct model) filter (where weights_run is not null) as n_weights,
        count(distinct model) filter (where moments_run is not null) as n_moments
    from marts.neurons
),

profiles as (
    select count(distinct model) as n_profiles
    from marts.neuron_families
),

partners as (
    select
        count(distinct model) filter (where relation = 'seed') as n_seeds,
        count(distinct model) filter (where relation = 'step') as n_steps,
        count(distinct model) filter (where corr_se is not null) as n_errors,
        count(distinct model) filter (where twin_corr is not null) as n_floors
    from marts.neuron_partners
),

halves as (
    select count(n_universal_both_halves) as n_halves
    from marts.universality
),

sites as (
    select count(distinct model) as n_sites
    from marts.unit_partners
),

experiments as (
    select
        (select count(distinct model) from marts.ablations) as n_ablated,
        (select count(distinct model) from marts.layer_stages) as n_read,
        (select count(distinct model) from marts.suffix_probes) as n_probed
),

counted as (
    select
        parts.place,
        parts.what,
        case parts.place
            when 1 then weights.n_weights
            when 2 then weights.n_moments
            when 3 then profiles.n_profiles
            when 4 then partners.n_seeds
            when 5 then partners.n_errors
            when 6 then halves.n_halves
            when 7 then partners.n_floors
            when 8 then partners.n_steps
            when 9 then sites.n_sites
            when 10 then experiments.n_ablated
            when 11 then experiments.n_read
            else experiments.n_probed
        end as n_models,
        parts.command
    from (
        values
        (1, 'weights and vocabulary effects', 'neurons ingest STUDY.toml'),
        (2, 'moments of activations', 'neurons ingest STUDY.toml with [corpus]'),
        (3, 'histograms, examples, features, families', 'neurons ingest STUDY.toml with [measure] features = true'),
        (4, 'partners among other seeds', 'neurons ingest STUDY.toml with two or more [[models]] of other seeds'),
        (5, 'error bars of correlations', 'neurons ingest STUDY.toml with at least two documents'),
        (6, 'ceiling: two halves of the documents', 'neurons ingest STUDY.toml with validation = ["split-half"]'),
        (7, 'null floors', 'neurons ingest STUDY.toml with floors = ["shift", "noise", "twin"]'),
        (8, 'checkpoints of one seed', 'neurons ingest ingest/studies/demo-training.toml'),
        (9, 'residual stream and heads', 'neurons ingest STUDY.toml with sites = ["mlp", "resid", "head_z"]'),
        (10, 'ablated neurons', 'neurons ingest ingest/studies/demo-experiments.toml'),
        (11, 'layers through the lens', 'neurons ingest ingest/studies/demo-experiments.toml'),
        (12, 'probes of a suffix', 'neurons ingest ingest/studies/demo-experiments.toml')
    ) as parts (place, what, command)
    cross join weights
    cross join profiles
    cross join partners
    cross join halves
    cross join sites
    cross join experiments
)

select
    what,
    n_models,
    command
from counted
order by place
