"""Sets of neurons, and the sets they are compared with: random ones, and ones that write as much energy.

A control has as many neurons of every layer as the set, drawn from the living neurons outside it; where a layer has too
few of those, from all its living neurons. Draws are functions of (seed, scope, control, number) alone.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Place = tuple[int, int]
Control = Literal["asked", "random", "energy"]
_CONTROLS: tuple[Control, ...] = ("asked", "random", "energy")
# Among how many of the nearest in energy a match is drawn.
_NEAREST = 4


@dataclass(frozen=True)
class Population:
    """The neurons of a model as the published marts have them, arrays (layers, neurons).

    Attributes:
        mean: of the post-activation.
        energy: E[a^2] |w_out|^2, what a neuron writes.
        is_dead: whether its activation never varies.
    """

    mean: NDArray[np.float64]
    energy: NDArray[np.float64]
    is_dead: NDArray[np.bool_]

    @property
    def known(self) -> tuple[NDArray[np.float64], ...]:
        """What an experiment's results depend on."""
        return self.mean, self.energy

    def others(self, asked: Iterable[Place]) -> NDArray[np.bool_]:
        """The living neurons but for some, bool (layers, neurons)."""
        found = ~self.is_dead
        for place in asked:
            found[place] = False
        return found


@dataclass(frozen=True)
class NeuronSet:
    """Some neurons of a model.

    Attributes:
        control: `asked`: the set itself; `random` or `energy`: what it is compared with.
        draw: number of the random draw, from 0.
        layer: the one layer that the set is of; None for the whole model.
        neurons: of each layer that has any, ascending.
    """

    control: Control
    draw: int
    layer: int | None
    neurons: dict[int, tuple[int, ...]]

    @property
    def n(self) -> int:
        """Neurons of all layers."""
        return sum(map(len, self.neurons.values()))

    @property
    def first(self) -> int:
        """The first layer that has any."""
        return min(self.neurons)


def by_layer(neurons: list[tuple[int, int]]) -> dict[int, tuple[int, ...]]:
    """Pairs (layer, neuron) as the neurons of each layer, ascending, each once."""
    ordered = sorted(set(neurons))
    return {layer: tuple(n for m, n in ordered if m == layer) for layer in dict(ordered)}


def sets_hash(sets: list[NeuronSet]) -> str:
    """sha256 of some sets, in their order."""
    content = [[s.control, s.draw, s.layer, sorted((k, list(v)) for k, v in s.neurons.items())] for s in sets]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def with_controls(asked: NeuronSet, population: Population, *, random: int, energy: int, seed: int) -> list[NeuronSet]:
    """A set, and the controls it is compared with.

    Args:
        asked: the set.
        population: the model's neurons.
        random: random sets.
        energy: sets matched on energy.
        seed: of the draws.
    """
    found = [asked]
    wanted: tuple[tuple[Control, int], ...] = (("random", random), ("energy", energy))
    for control, n in wanted:
        for draw in range(n):
            scope = 0 if asked.layer is None else asked.layer + 1
            generator = np.random.default_rng([seed, scope, _CONTROLS.index(control), draw])
            drawn = {
                layer: _drawn(control, np.array(members), population, layer, generator)
                for layer, members in asked.neurons.items()
            }
            found.append(NeuronSet(control, draw, asked.layer, drawn))
    return found


def nearest(place: Place, values: NDArray[np.float64], pool: NDArray[np.bool_], n: int) -> list[Place]:
    """The neurons of the same layer with the nearest values, on a logarithmic scale, the nearest first.

    Args:
        place: (layer, neuron), never among them.
        values: of all neurons (layers, neurons).
        pool: which neurons may be taken, likewise.
        n: how many; fewer if the pool has fewer.
    """
    layer, neuron = place
    logs = np.log(np.maximum(values[layer], 1e-30))
    allowed = np.setdiff1d(np.flatnonzero(pool[layer]), [neuron])
    order = np.argsort(np.abs(logs[allowed] - logs[neuron]), kind="stable")[:n]
    return [(layer, int(found)) for found in allowed[order]]


def _drawn(
    control: Control, members: NDArray[np.int64], population: Population, layer: int, generator: np.random.Generator
) -> tuple[int, ...]:
    living = np.flatnonzero(~population.is_dead[layer])
    outside = np.setdiff1d(living, members)
    pool = next((p for p in (outside, living) if len(p) >= len(members)), np.arange(population.mean.shape[1]))
    if control == "random":
        chosen = generator.choice(pool, len(members), replace=False)
    else:
        chosen = _matched(members, pool, population.energy[layer], generator)
    return tuple(sorted(chosen.tolist()))


def _matched(
    members: NDArray[np.int64], pool: NDArray[np.int64], energy: NDArray[np.float64], generator: np.random.Generator
) -> NDArray[np.int64]:
    """For every member, in random order, one of the nearest in log energy that is left."""
    logs = np.log(np.maximum(energy, 1e-30))
    left = pool[np.argsort(logs[pool], kind="stable")]
    chosen = []
    for member in generator.permutation(members):
        nearest = np.argsort(np.abs(logs[left] - logs[member]), kind="stable")[:_NEAREST]
        place = int(generator.choice(nearest))
        chosen.append(int(left[place]))
        left = np.delete(left, place)
    return np.array(chosen, np.int64)
