"""What is measured of simulated seeds, beside what the layers' covariances let expect, as rows of raw tables."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ingest.measure.simulation import SimulatedSeed, noise_error
from ingest.measure.units import UnitSums
from ingest.recipes.accumulators import Accumulators
from ingest.recipes.selections import Frames, Selections
from ingest.runs.plan import Plan
from ingest.tables import SIMULATED_NEURONS


def simulation_rows(plan: Plan) -> pl.DataFrame:
    """How the seeds of a run are simulated, one row per model."""
    how = plan.simulation
    assert how is not None
    asked = {"strength": how.strength, "noise": how.noise, "simulation_seed": how.seed}
    return pl.DataFrame([{"model": model.name, "weights_hash": model.weights_hash, **asked} for model in plan.models])


def simulated_rows(
    plan: Plan,
    units: list[UnitSums],
    seeds: dict[int, SimulatedSeed],
    selections: Selections,
    sums: Accumulators,
) -> Frames:
    """Rows of living neurons, without the run.

    Args:
        plan: of the run.
        units: sums of all populations.
        seeds: the simulated ones, by population.
        selections: of the pairs of a model and its simulated seed.
        sums: of the finished pass.
    """
    spreads = [each.finish() for each in units]
    source = selections.covariances(sums, spreads)
    for (own, made), counterparts in zip(plan.pairs, sums.standing.counterparts, strict=True):
        population = plan.populations[own]
        layers = range(population.n_layers)
        scale = spreads[own].scale.reshape(population.n_layers, population.width)
        found = [seeds[made].expected(layer, source.within(own, layer), scale[layer]) for layer in layers]
        expected, share = (torch.cat([each[k] for each in found]) for k in (0, 1))
        directed = selections.forward((own, made))
        baseline = torch.stack([best.value.clamp(-1.0, 1.0) for best in directed.baselines]).mean(0)
        alive = ~(spreads[own].is_dead | spreads[made].is_dead) & (directed.largest > -torch.inf)
        place, winner = alive.nonzero().squeeze(1), directed.winner[alive]
        numbers: dict[str, Tensor] = {
            "corr": counterparts.correlations(spreads[own], spreads[made]),
            "expected_corr": expected,
            "expected_se": noise_error(expected, share, spreads[own].n),
            "max_corr": directed.largest.clamp(-1.0, 1.0).double(),
            "baseline": baseline.double(),
        }
        yield (
            SIMULATED_NEURONS.name,
            pl.DataFrame(
                {
                    "model": pl.repeat(plan.models[population.model].name, len(place), eager=True),
                    "layer": (place // population.width).cpu().numpy().astype(np.uint16),
                    "neuron": (place % population.width).cpu().numpy().astype(np.uint32),
                    "other_layer": (winner // population.width).cpu().numpy().astype(np.uint16),
                    "other_neuron": (winner % population.width).cpu().numpy().astype(np.uint32),
                    **{name: values[alive].cpu().numpy() for name, values in numbers.items()},
                }
            ),
        )
