"""Sums of products of standardised activations: between two models, and within a layer for the rotation baseline.

Everything is an additive sum of z = (a - shift) / scale, so neither cancellation nor the units' different sizes cost
precision, and half-precision operands with float32 accumulation are safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ingest.measure.units import Standardised


@dataclass(frozen=True, order=True)
class Tile:
    """One layer of population a against the layers [first, last) of population b."""

    a: int
    b: int
    layer: int
    first: int
    last: int


@dataclass(frozen=True)
class Shape:
    """Layers of a population and units per layer."""

    n_layers: int
    width: int

    @property
    def n_units(self) -> int:
        """Units of all layers."""
        return self.n_layers * self.width

    def layer(self, index: int) -> slice:
        """The units of a layer."""
        return slice(index * self.width, (index + 1) * self.width)

    def layers(self, first: int, last: int) -> slice:
        """The units of the layers [first, last)."""
        return slice(first * self.width, last * self.width)


def depth_tiles(pair: tuple[int, int], shapes: Sequence[Shape], window: float | None) -> list[Tile]:
    """The tiles of a pair, one per layer of a.

    Args:
        pair: indices of two populations.
        shapes: of all populations.
        window: largest difference of relative depths, layer / (layers - 1), that is correlated; None for all.
    """
    a, b = pair
    tiles = []
    for layer in range(shapes[a].n_layers):
        depth = layer / max(1, shapes[a].n_layers - 1)
        near = [
            other
            for other in range(shapes[b].n_layers)
            if window is None or abs(other / max(1, shapes[b].n_layers - 1) - depth) <= window + 1e-9
        ]
        if near:
            tiles.append(Tile(a, b, layer, near[0], near[-1] + 1))
    return tiles


def _add_product(sums: Tensor, left: Tensor, right: Tensor) -> None:
    """sums += left^T right, accumulated in float32."""
    if left.dtype == torch.float32:
        sums.addmm_(left.T, right)
    else:
        sums += torch.mm(left.T, right, out_dtype=torch.float32)


class CrossMoments:
    """Sums `sum z_i z_j` for tiles of pairs of populations, float32 (width of a, units of b's layers)."""

    def __init__(self, tiles: Sequence[Tile], shapes: Sequence[Shape], device: str) -> None:
        """Start at zero."""
        self.shapes = list(shapes)
        self.sums = {
            tile: torch.zeros(shapes[tile.a].width, (tile.last - tile.first) * shapes[tile.b].width, device=device)
            for tile in tiles
        }

    @property
    def populations(self) -> set[int]:
        """Those whose activations are needed."""
        return {index for tile in self.sums for index in (tile.a, tile.b)}

    def update(self, z: dict[int, Tensor], *, first_new: int = 0) -> None:
        """Add positions.

        Args:
            z: of each needed population, (tokens, units), the same positions in every one.
            first_new: tiles between populations before this one are left as they are.
        """
        for tile, sums in self.sums.items():
            if max(tile.a, tile.b) < first_new:
                continue
            left = z[tile.a][:, self.shapes[tile.a].layer(tile.layer)]
            _add_product(sums, left, z[tile.b][:, self.shapes[tile.b].layers(tile.first, tile.last)])

    def values(self, pair: tuple[int, int], i: Tensor, j: Tensor) -> Tensor:
        """Sums of chosen unit pairs, of the shape of i and j; NaN where no tile holds them.

        Args:
            pair: (a, b) as in the tiles.
            i: units of a.
            j: units of b.
        """
        shape_a, shape_b = self.shapes[pair[0]], self.shapes[pair[1]]
        found = torch.full(i.shape, torch.nan, device=i.device)
        for tile, sums in self.sums.items():
            if (tile.a, tile.b) == pair:
                columns = shape_b.layers(tile.first, tile.last)
                here = (i // shape_a.width == tile.layer) & (j >= columns.start) & (j < columns.stop)
                found[here] = sums[i[here] % shape_a.width, j[here] - columns.start]
        return found

    def tensors(self) -> dict[str, Tensor]:
        """All sums by name, for a state file."""
        return {f"{t.a}.{t.b}.{t.layer}.{t.first}": sums for t, sums in self.sums.items()}


class LayerMoments:
    """Sums `sum z_i z_j` within each layer of each population: (layers, width, width) float32."""

    def __init__(self, shapes: Sequence[Shape], device: str) -> None:
        """Start at zero."""
        self.sums = [torch.zeros(s.n_layers, s.width, s.width, device=device) for s in shapes]

    def update(self, population: int, z: Sequence[Tensor]) -> None:
        """Add positions of one population: z of each layer."""
        for layer, values in enumerate(z):
            _add_product(self.sums[population][layer], values, values)

    def tensors(self) -> dict[str, Tensor]:
        """All sums by name, for a state file."""
        return {str(index): sums for index, sums in enumerate(self.sums)}


class ExactCovariances:
    """Covariances from exact sums."""

    n_estimates = 1

    def __init__(self, cross: CrossMoments, within: LayerMoments, spreads: Sequence[Standardised]) -> None:
        """Sums over the positions that the spreads are of."""
        self._cross = cross
        self._within = within
        self._spreads = spreads

    def tiles(self, pair: tuple[int, int]) -> list[Tile]:
        """The tiles of a pair that are at hand."""
        return [t for t in self._cross.sums if (t.a, t.b) == pair]

    def estimates(self, tile: Tile) -> list[Tensor]:
        """Covariances of z, float32 (width of a, units of b's layers): one estimate, exact."""
        a, b = self._spreads[tile.a], self._spreads[tile.b]
        mean_a = a.mean[self._cross.shapes[tile.a].layer(tile.layer)].float()
        mean_b = b.mean[self._cross.shapes[tile.b].layers(tile.first, tile.last)].float()
        return [torch.addr(self._cross.sums[tile] / a.n, mean_a, mean_b, alpha=-1)]

    def within(self, population: int, layer: int) -> Tensor:
        """Covariances of z within a layer, float64 (width, width)."""
        spread = self._spreads[population]
        mean = spread.mean[self._cross.shapes[population].layer(layer)]
        return self._within.sums[population][layer].double() / spread.n - torch.outer(mean, mean)
