"""Activations with known content: what a run of the small warehouse measured, before anything is summed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from ingest.tables import STRATA

Array = NDArray[np.float64]

N_LAYERS, D_MLP, N_PARTS, N_DRAWS, N_FLOOR_DRAWS, WIDTH = 2, 8, 4, 3, 2, 3
DOC_GROUPS = (0, 5, 8, 15)  # of the parts; the other groups hold no documents
POSITIONS = {"text": 40, "newline": 6, "bos": 4}  # per part
DEAD = (1, 3)  # layer and neuron, dead in every model
NEURONS = list(product(range(N_LAYERS), range(D_MLP)))
DEAD_UNIT = (0, 1)  # layer and unit of the residual stream
UNITS = list(product(range(N_LAYERS), range(WIDTH)))
FLOORS = ("shift", "noise", "twin")


@dataclass(frozen=True)
class Facts:
    """What a run measured: the input of an independent calculation."""

    run: str
    models: tuple[str, ...]
    pre: dict[str, dict[str, Array]]  # model -> stratum -> (neuron, position), parts in sequence
    rotations: dict[tuple[str, int, int], Array]  # model, layer, draw -> (rotated, neuron)
    floors: dict[tuple[str, str, int], Array]  # kind, model, draw -> (neuron, position) in place of the model
    resid: dict[str, Array]  # model -> (unit, position) of stratum text

    def post(self, model: str, stratum: str = "text") -> Array:
        """Post-activations: a rectifier is enough here."""
        return np.maximum(self.pre[model][stratum], 0.0)

    def rotated(self, model: str, draw: int) -> Array:
        """The post-activations of all layers, each turned by its own matrix."""
        layers = self.post(model).reshape(N_LAYERS, D_MLP, -1)
        return np.concatenate([self.rotations[model, i, draw] @ layer for i, layer in enumerate(layers)])


def text_of(first_group: int, last_group: int) -> NDArray[np.bool_]:
    """Which text positions are from documents of these groups."""
    return np.repeat([first_group <= group < last_group for group in DOC_GROUPS], POSITIONS["text"])


def correlations(a: Array, b: Array) -> Array:
    """Pearson correlations of the rows of two matrices; NaN where a row is constant."""
    with np.errstate(invalid="ignore", divide="ignore"):
        za = (a - a.mean(1, keepdims=True)) / a.std(1, keepdims=True)
        zb = (b - b.mean(1, keepdims=True)) / b.std(1, keepdims=True)
    return np.asarray(za @ zb.T / a.shape[1])


def without_a_group(a: Array, b: Array) -> Array:
    """Correlation of two rows without each group of documents that there is."""
    kept = [~text_of(group, group + 1) for group in DOC_GROUPS]
    return np.array([np.corrcoef(a[keep], b[keep])[0, 1] for keep in kept])


def influence(a: Array, b: Array) -> Array:
    """What each of the 16 groups adds to the jackknife variance of Fisher's z of a correlation, as signed roots."""
    z = np.arctanh(without_a_group(a, b))
    parts = np.zeros(16)
    parts[list(DOC_GROUPS)] = np.sqrt((len(z) - 1) / len(z)) * (z.mean() - z)
    return parts


def is_followed(other: str, index: int) -> bool:
    """Whether the best partner of a neuron was followed through the groups: one never is, one not in model a."""
    return index != 5 and (index, other) != (6, "a")


def growing() -> Facts:
    """Three steps of two seeds: neuron 0 of layer 0 shares its signal from step 2 on, that of layer 1 up to then."""
    models = tuple(f"{seed}@{step}" for seed in "ef" for step in (1, 2, 3))
    facts = activations("training", models, seed=5, with_floors=True)
    rng = np.random.default_rng(6)
    for model, (own, place) in product(models, (("@1", (0, 0)), ("@3", (1, 0)))):
        if model.endswith(own):
            for values in facts.pre[model].values():
                values[NEURONS.index(place)] = rng.normal(size=values.shape[1])
    return facts


def seeds_at(facts: Facts, step: int) -> Facts:
    """One step of all seeds."""
    return replace(facts, models=tuple(model for model in facts.models if model.endswith(f"@{step}")))


def activations(run: str, models: tuple[str, ...], seed: int, *, with_floors: bool = False) -> Facts:
    """Neurons 0-3 of every layer share a signal across models; the others are louder noise, which rotations show.

    Neuron 1 shares less of it, so that it is universal by a hair; the signal of neurons 2 and 3 is rare and large, so
    that few positions decide.
    """
    rng = np.random.default_rng(seed)
    scale = np.array([[0.1 if neuron < 4 else 1.0 + neuron] for _, neuron in NEURONS])
    power = np.array([[3 if neuron in {2, 3} else 1] for _, neuron in NEURONS])
    shared = np.array([[neuron < 4] for _, neuron in NEURONS])
    noise = np.array([[0.75 if neuron == 1 else 0.3] for _, neuron in NEURONS])
    pre: dict[str, dict[str, Array]] = {model: {} for model in models}
    for stratum in STRATA:
        n = POSITIONS[stratum] * N_PARTS
        signal = rng.normal(size=(len(NEURONS), n)) ** power
        for model in models:
            own = rng.normal(size=(len(NEURONS), n))
            values = np.where(shared, signal + noise * own, own) * scale + 0.5
            values[NEURONS.index(DEAD)] = -2.0
            pre[model][stratum] = values
    rotations = {}
    for model, layer, draw in product(models, range(N_LAYERS), range(N_DRAWS)):
        matrix = rng.normal(size=(D_MLP, D_MLP))
        rotations[model, layer, draw] = matrix / np.linalg.norm(matrix, axis=1, keepdims=True)
    facts = Facts(run, models, pre, rotations, {}, {})
    n = POSITIONS["text"] * N_PARTS
    if with_floors:
        for model, draw in product(models, range(N_FLOOR_DRAWS)):
            facts.floors["shift", model, draw] = np.roll(facts.post(model), int(rng.integers(1, n)), axis=1)
            for kind in ("noise", "twin"):
                facts.floors[kind, model, draw] = rng.normal(size=(len(NEURONS), n))
    stream = rng.normal(size=(len(UNITS), n))
    for model in models:
        facts.resid[model] = stream + rng.normal(size=stream.shape)
        facts.resid[model][UNITS.index(DEAD_UNIT)] = 1.0
    return facts
