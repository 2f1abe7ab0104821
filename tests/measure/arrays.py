"""Activations to measure on, and float64 numpy to measure by."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ingest.measure.correlation import CrossMoments, ExactCovariances, LayerMoments, Shape, depth_tiles
from ingest.measure.sketch import CountSketch, SketchedCovariances, bucket_and_sign, bucket_starts
from ingest.measure.units import Pilot, Place, Standardised, UnitSums
from ingest.names import GROUPS

Array = NDArray[np.float64]
CONTEXT = 10


def drawn(seed: int, tokens: int, units: int, *, shared: float = 0.0, dead: Sequence[int] = ()) -> Array:
    """Activations of uneven sizes and places; `shared` is the weight of factors that are the same for every seed."""
    draw = np.random.default_rng(seed)
    values = draw.standard_normal((tokens, units))
    common = np.random.default_rng(99).standard_normal((tokens, units))
    values = np.sqrt(1 - shared**2) * values + shared * common
    values = values * draw.uniform(0.01, 30, units) + draw.uniform(-100, 100, units)
    values[:, list(dead)] = 1.25
    return np.asarray(values.astype(np.float32).astype(np.float64))


def layers_of(values: Array, shape: Shape) -> list[torch.Tensor]:
    """Activations layer by layer, as the ingest reads them."""
    return [torch.from_numpy(values[:, shape.layer(layer)]).float() for layer in range(shape.n_layers)]


def correlations(a: Array, b: Array) -> Array:
    """Pearson correlations of the columns of a and b, 0 for columns without variance."""
    unit = []
    for values in (a, b):
        deviation = values - values.mean(0)
        norm = np.linalg.norm(deviation, axis=0)
        unit.append(deviation / np.where(norm > 0, norm, np.inf))
    return np.asarray(unit[0].T @ unit[1])


def placed(layers: Sequence[torch.Tensor]) -> Place:
    """Shift and scale of activations (tokens, width) of each layer."""
    pilot = Pilot()
    pilot.add(layers)
    return pilot.place()


class Measured:
    """Populations with the same positions in blocks of one group of documents each.

    Attributes:
        z: standardised activations per population and layer.
        units: their sums.
        groups: group of each position.
    """

    def __init__(self, populations: Sequence[Array], shapes: Sequence[Shape], groups: NDArray[np.int64]) -> None:
        self.shapes = list(shapes)
        self.groups = groups
        everything = torch.arange(len(groups))
        self.units: list[UnitSums] = []
        self.z: list[list[torch.Tensor]] = []
        for values, shape in zip(populations, shapes, strict=True):
            layers = layers_of(values, shape)
            units = UnitSums(placed([layer[:50] for layer in layers]), width=shape.width, operand=torch.float32)
            self.units.append(units)
            self.z.append(units.standardise(layers, everything))
            for group, rows in self.blocks():
                units.add([values[rows] for values in self.z[-1]], group)

    def blocks(self) -> list[tuple[int, torch.Tensor]]:
        """Groups in order, with their positions."""
        return [
            (g, torch.from_numpy(np.flatnonzero(self.groups == g))) for g in range(GROUPS) if (self.groups == g).any()
        ]

    def of(self, rows: torch.Tensor) -> dict[int, torch.Tensor]:
        """z of all populations at some positions, layers side by side."""
        return {p: torch.cat(layers, 1)[rows] for p, layers in enumerate(self.z)}

    @property
    def spreads(self) -> list[Standardised]:
        """Over all positions."""
        return [units.finish() for units in self.units]

    def exact(self, *, window: float | None = None) -> ExactCovariances:
        """Exact covariances of the first two populations."""
        cross = CrossMoments(depth_tiles((0, 1), self.shapes, window), self.shapes, "cpu")
        within = LayerMoments(self.shapes, "cpu")
        for _, rows in self.blocks():
            cross.update(self.of(rows))
            for p, layers in enumerate(self.z):
                within.update(p, [values[rows] for values in layers])
        return ExactCovariances(cross, within, self.spreads)

    def sketches(self, *, buckets: int, seed: int) -> list[CountSketch]:
        """Of all populations; every CONTEXT positions are a row."""
        starts = bucket_starts(np.bincount(self.groups, minlength=GROUPS).tolist(), buckets)
        return self.sketches_in(starts, seed=seed)

    def sketches_in(self, starts: Sequence[int], *, seed: int, rows: Sequence[int] | None = None) -> list[CountSketch]:
        """Of all populations in given slices of buckets; the numbers of the rows may be given."""
        numbers = np.arange(len(self.groups) // CONTEXT) if rows is None else np.asarray(rows)
        made = [CountSketch(shape, starts=starts, device="cpu") for shape in self.shapes]
        for group, positions in self.blocks():
            here = numbers[positions.numpy()[::CONTEXT] // CONTEXT].tolist()
            own = starts[group + 1] - starts[group]
            slot, sign = bucket_and_sign(here, context=CONTEXT, buckets=own, seed=seed)
            for sketch, layers in zip(made, self.z, strict=True):
                sketch.update([values[positions] for values in layers], slot, sign, group)
        return made

    def sketched(self, *, buckets: int, seed: int, groups: slice = slice(0, GROUPS)) -> SketchedCovariances:
        """Sketched covariances of the first two populations over some groups."""
        spreads = [units.finish(groups) for units in self.units]
        tiles = depth_tiles((0, 1), self.shapes, None)
        return SketchedCovariances(self.sketches(buckets=buckets, seed=seed), spreads, tiles, groups)


def dealt(tokens: int, sizes: Sequence[int]) -> NDArray[np.int64]:
    """Group of each position: stretches in the proportion of the sizes, 0 for an empty group."""
    ends = np.round(np.cumsum(sizes) / sum(sizes) * tokens / CONTEXT).astype(int) * CONTEXT
    return np.repeat(np.arange(len(sizes)), np.diff(ends, prepend=0)).astype(np.int64)
