"""Raw tables of simulated seeds, by which a user checks the pipeline on a model."""

from __future__ import annotations

from ingest.tables.columns import MODEL, NEURON_KEY, RUN, Column, Table

SIMULATIONS = Table(
    "simulations",
    "How the seeds of a run were simulated: (1 - s) a + s R a + noise on the post-activations a. One row per run and "
    "model.",
    ("run", "model"),
    (
        RUN,
        MODEL,
        Column("weights_hash", "varchar not null", "hash of all parameters"),
        Column("strength", "double not null", "share s of the rotated activations, 0 to 1"),
        Column(
            "noise", "double not null", "standard deviation of the noise, in those of the neurons in the first rows"
        ),
        Column("simulation_seed", "bigint not null", "seed of rotations and noise"),
    ),
)

SIMULATED_NEURONS = Table(
    "simulated_neurons",
    "Correlations of every neuron with a simulated seed of its own model; none for dead neurons.",
    ("run", "model", "layer", "neuron"),
    (
        *NEURON_KEY,
        Column("corr", "double not null", "with the neuron that was made from it, exact by any method"),
        Column("expected_corr", "double not null", "the same by algebra from the covariance of the neuron's layer"),
        Column("expected_se", "double not null", "standard error of corr about it, which the noise alone makes"),
        Column("other_layer", "usmallint not null", "layer of the simulated neuron with the largest correlation"),
        Column("other_neuron", "uinteger not null", "its number in that layer"),
        Column("max_corr", "double not null", "that correlation, by the run's method"),
        Column("baseline", "double not null", "the same with randomly rotated layers, mean over draws"),
    ),
)

SIMULATING = (SIMULATIONS, SIMULATED_NEURONS)
