"""Ablations of sets of neurons, and what belongs to them as rows."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import partial

import numpy as np
import polars as pl
import torch

from ingest.experiments import edits
from ingest.experiments.controls import NeuronSet, Population
from ingest.experiments.forward import Forward
from ingest.experiments.passes import Edit
from ingest.study_experiments import Mode
from ingest.tables import NEURON_SETS, SET_NEURONS


def ablations(forward: Forward, sets: Sequence[NeuronSet], population: Population, modes: Sequence[Mode]) -> list[Edit]:
    """Every set in every mode."""
    return [
        Edit(mode, chosen.first, partial(ablated, forward, chosen, population, mode), neuron_set=number)
        for mode in modes
        for number, chosen in enumerate(sets)
    ]


def ablated(forward: Forward, chosen: NeuronSet, population: Population, mode: Mode) -> AbstractContextManager[None]:
    """Ablate a set: `zero`, or `mean`, which puts each neuron's mean post-activation in its place."""
    if mode == "zero":
        return edits.zero(forward.network, forward.sites, chosen.neurons)
    means = {layer: torch.from_numpy(population.mean[layer, list(of)]) for layer, of in chosen.neurons.items()}
    return edits.mean(forward.network, forward.sites, chosen.neurons, means)


def set_rows(sets: Sequence[NeuronSet], population: Population) -> list[tuple[str, pl.DataFrame]]:
    """Rows of `raw.neuron_sets` and `raw.set_neurons`."""
    rows = [
        {"neuron_set": number, "control": s.control, "draw": s.draw, "layer": s.layer, "n_neurons": s.n}
        for number, s in enumerate(sets)
    ]
    members = []
    for number, chosen in enumerate(sets):
        for layer, of in chosen.neurons.items():
            index = np.array(of)
            columns = {"neuron": index.astype(np.uint32), "mean": population.mean[layer, index]}
            columns["energy"] = population.energy[layer, index]
            keys = {"neuron_set": pl.lit(number, pl.UInt32), "layer": pl.lit(layer, pl.UInt16)}
            members.append(pl.DataFrame(columns).with_columns(**keys))
    return [
        (NEURON_SETS.name, pl.DataFrame(rows, schema_overrides={"layer": pl.UInt16})),
        (SET_NEURONS.name, pl.concat(members)),
    ]
