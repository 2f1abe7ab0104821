"""CountSketch over the token axis: correlations of all pairs of units at a cost that is linear in the units.

Every position gets a random bucket h(t) and a random sign s(t), and S[h(t), i] += s(t) z_i(t). Then S_i . S_j estimates
sum z_i z_j without bias, with variance (1 + rho^2 - 2 sum x^2 y^2) / buckets for unit vectors x and y (Charikar, Chen
and Farach-Colton 2002; the variance as for the tug-of-war sketch). Two independent sketches are kept, so that a value
can be read from another one than the one that chose it. Each group of documents has buckets of its own, in proportion
to its size: the sums over a group are then products of its slice, and the variance stays what it is unless a unit
speaks in a few groups only.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ingest.measure.correlation import Shape, Tile
from ingest.measure.units import Standardised
from ingest.names import GROUPS

SKETCHES = 2


def bucket_starts(group_sizes: Sequence[int], buckets: int) -> tuple[int, ...]:
    """First bucket of each group's slice, and the end: one each, and the others in proportion to the groups' rows.

    Args:
        group_sizes: rows of each group; one that is empty now may get rows later.
        buckets: of one sketch, more than groups.
    """
    ends = np.cumsum(group_sizes)
    shared = np.round(ends * ((buckets - len(ends)) / ends[-1])).astype(int)
    return (0, *(int(end) for end in shared + np.arange(1, len(ends) + 1)))


def bucket_and_sign(rows: Sequence[int], *, context: int, buckets: int, seed: int) -> tuple[Tensor, Tensor]:
    """Bucket and sign of every position of some rows of one group, from a counter-based generator.

    Args:
        rows: numbers of the rows in the corpus; a row's numbers depend on nothing else.
        context: tokens per row.
        buckets: in the group's slice.
        seed: of the hash.

    Returns:
        int64 and float32, (sketches, rows * context) each.
    """
    slot = np.empty((SKETCHES, len(rows), context), np.int64)
    sign = np.empty((SKETCHES, len(rows), context), np.float32)
    for place, row in enumerate(rows):
        random = np.random.Generator(np.random.Philox(key=[seed, row]))
        slot[:, place] = random.integers(0, buckets, (SKETCHES, context))
        sign[:, place] = random.integers(0, 2, (SKETCHES, context), dtype=np.int8) * 2 - 1
    return torch.from_numpy(slot).flatten(1), torch.from_numpy(sign).flatten(1)


class CountSketch:
    """Two sketches of one population.

    Attributes:
        table: float32 (sketches, layers, buckets, width).
        ones: the sketch of the constant 1, float32 (sketches, buckets).
    """

    def __init__(self, shape: Shape, *, starts: Sequence[int], device: str) -> None:
        """Start at zero; `starts` are the groups' first buckets and the end."""
        self.shape = shape
        self._starts = tuple(starts)
        buckets = self._starts[-1]
        self.table = torch.zeros(SKETCHES, shape.n_layers, buckets, shape.width, device=device)
        self.ones = torch.zeros(SKETCHES, buckets, device=device)

    def update(self, z: Sequence[Tensor], slot: Tensor, sign: Tensor, group: int) -> None:
        """Add positions of one group of documents.

        Args:
            z: of each layer, (tokens, width).
            slot: bucket within the group's slice, (sketches, tokens).
            sign: (sketches, tokens).
            group: of documents.
        """
        here = self.part(group, group + 1)
        for sketch in range(SKETCHES):
            self.ones[sketch, here].index_add_(0, slot[sketch], sign[sketch])
            for layer, values in enumerate(z):
                signed = values.float() * sign[sketch][:, None]
                self.table[sketch, layer, here].index_add_(0, slot[sketch], signed)

    def part(self, first: int, last: int) -> slice:
        """Buckets of the groups [first, last)."""
        return slice(self._starts[first], self._starts[last])

    def centred(self, sketch: int, layer: int, spread: Standardised, groups: slice) -> Tensor:
        """Sketch of z - mean over some groups, (buckets, width)."""
        here = self.part(*groups.indices(GROUPS)[:2])
        mean = spread.mean[self.shape.layer(layer)].float()
        return torch.addr(self.table[sketch, layer, here], self.ones[sketch, here], mean, alpha=-1)

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"table": self.table, "ones": self.ones}


class SketchedCovariances:
    """Covariances estimated from sketches, over some groups of documents."""

    n_estimates = SKETCHES

    def __init__(
        self,
        sketches: Sequence[CountSketch],
        spreads: Sequence[Standardised],
        tiles: Sequence[Tile],
        groups: slice = slice(0, GROUPS),
    ) -> None:
        """Use the sketches of all populations.

        Args:
            sketches: of each population; tile.b may index further ones that stand for partners.
            spreads: of each population over the groups.
            tiles: of all pairs.
            groups: of documents.
        """
        self._sketches = sketches
        self._spreads = spreads
        self._tiles = tiles
        self._groups = groups

    def tiles(self, pair: tuple[int, int]) -> list[Tile]:
        """The tiles of a pair."""
        return [t for t in self._tiles if (t.a, t.b) == pair]

    def estimates(self, tile: Tile) -> list[Tensor]:
        """Covariances of z, float32 (width of a, units of b's layers): one estimate per sketch."""
        found = []
        for sketch in range(SKETCHES):
            left = self._centred(sketch, tile.a, tile.layer).T
            layers = [left @ self._centred(sketch, tile.b, other) for other in range(tile.first, tile.last)]
            found.append(torch.cat(layers, 1) / self._spreads[tile.a].n)
        return found

    def within(self, population: int, layer: int) -> Tensor:
        """Covariances of z within a layer, float64 (width, width): the mean of the sketches' estimates."""
        both = [self._centred(sketch, population, layer) for sketch in range(SKETCHES)]
        return sum(s.T @ s for s in both).double() / (SKETCHES * self._spreads[population].n)  # type: ignore[union-attr]

    def _centred(self, sketch: int, population: int, layer: int) -> Tensor:
        return self._sketches[population].centred(sketch, layer, self._spreads[population], self._groups)

    def group_sums(self, pair: tuple[int, int], i: Tensor, j: Tensor) -> Tensor:
        """Estimates of `sum z_i z_j` about the means per group of documents, float64 (groups, chosen unit pairs)."""
        a, b = pair
        sums = torch.zeros(GROUPS, len(i), dtype=torch.float64, device=i.device)
        for group in range(GROUPS):
            for sketch in range(SKETCHES):
                left = self._whole(sketch, a, group)
                right = self._whole(sketch, b, group)
                sums[group] += (left.index_select(1, i) * right.index_select(1, j)).sum(0).double() / SKETCHES
        return sums

    def block(self, pair: tuple[int, int], i: Tensor, j: Tensor) -> Tensor:
        """Estimates of `sum z_i z_j` about the means over all groups, float64 (units i, units j)."""
        estimates = [
            self._columns(sketch, pair[0], i).T @ self._columns(sketch, pair[1], j) for sketch in range(SKETCHES)
        ]
        return torch.stack(estimates).double().mean(0)

    def _columns(self, sketch: int, population: int, units: Tensor) -> Tensor:
        """Centred sketches of some units, (buckets, units); they are given in ascending order."""
        width = self._sketches[population].shape.width
        found = [
            self._centred(sketch, population, layer).index_select(1, units[units // width == layer] % width)
            for layer in (units // width).unique().tolist()
        ]
        return torch.cat(found, 1)

    def _whole(self, sketch: int, population: int, group: int) -> Tensor:
        sketched, spread = self._sketches[population], self._spreads[population]
        layers = range(sketched.shape.n_layers)
        return torch.cat([sketched.centred(sketch, k, spread, slice(group, group + 1)) for k in layers], 1)
