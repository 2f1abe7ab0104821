"""The rotation baseline by algebra: correlations with randomly rotated layers, without rotating any activation.

For a layer's activations b and a random matrix R, cov(a, R b) = cov(a, b) R^T and var(R b) = diag(R cov(b, b) R^T).
Activations are rotated in their own units; rotating standardised ones would lower the baseline (Gurnee et al. 2024
rotate activations).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ingest.measure.correlation import Shape, Tile
from ingest.measure.units import Standardised

# Matrices are drawn once while they fit; beyond that they are drawn again, which costs time only.
_KEPT_BYTES = 2_000_000_000


class Covariances(Protocol):
    """Where covariances of standardised activations come from: exact sums, or sketches."""

    n_estimates: int

    def tiles(self, pair: tuple[int, int]) -> list[Tile]:
        """The tiles of a pair."""

    def estimates(self, tile: Tile) -> list[Tensor]:
        """Covariances of a tile, one matrix per estimate."""

    def within(self, population: int, layer: int) -> Tensor:
        """Covariances within a layer."""


def rotation(width: int, *, seed: int, draw: int, layer: int) -> Tensor:
    """Random Gaussian matrix with unit rows, float64 (width, width), a function of its arguments alone.

    Every partner model's layer of that number and width is rotated by the same matrix.
    """
    matrix = np.random.default_rng([seed, draw, layer, width]).standard_normal((width, width))
    return torch.from_numpy(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


class Rotations:
    """Random rotations of every layer of every population."""

    def __init__(
        self,
        covariances: Covariances,
        spreads: Sequence[Standardised],
        shapes: Sequence[Shape],
        *,
        draws: int,
        seed: int,
    ) -> None:
        """Draw rotations as they are needed.

        Args:
            covariances: of the populations' layers with themselves.
            spreads: of each population.
            shapes: of each population.
            draws: rotations per layer.
            seed: of the rotations.
        """
        self._covariances = covariances
        self._spreads = spreads
        self._shapes = shapes
        self.draws = draws
        self._seed = seed
        self._matrices: dict[tuple[int, int, int], Tensor] = {}
        self._kept = 0
        self._sizes: dict[tuple[int, int, int], tuple[Tensor, Tensor]] = {}

    def _matrix(self, width: int, draw: int, layer: int, device: torch.device) -> Tensor:
        key = (width, draw, layer)
        if key not in self._matrices:
            matrix = rotation(width, seed=self._seed, draw=draw, layer=layer).float().to(device)
            if self._kept + matrix.nbytes > _KEPT_BYTES:
                return matrix
            self._kept += matrix.nbytes
            self._matrices[key] = matrix
        return self._matrices[key]

    def _size(self, population: int, layer: int, draw: int) -> tuple[Tensor, Tensor]:
        """Standard deviation of each rotated unit, and whether it is none."""
        key = (population, layer, draw)
        if key not in self._sizes:
            within = self._covariances.within(population, layer)
            shape = self._shapes[population]
            scale = self._spreads[population].scale[shape.layer(layer)]
            for each in range(self.draws):
                turned = self._matrix(shape.width, each, layer, within.device).double() * scale[None, :]
                variance = ((turned @ within) * turned).sum(1).clamp_min(0)
                # Rounding alone decides about a direction with next to no variance; it is not a partner.
                is_dead = variance <= 1e-9 * (turned**2 * within.diagonal()[None, :]).sum(1)
                sd = torch.where(is_dead, 1.0, variance.sqrt())
                self._sizes[population, layer, each] = (sd.float(), is_dead)
        return self._sizes[key]

    def rotated(self, covariances: Tensor, population: int, layer: int, draw: int) -> Tensor:
        """Correlations with the rotated units of a layer, up to the spread of the other side.

        Args:
            covariances: of some units with the layer's standardised units, float32 (units, width).
            population: whose layer it is.
            layer: the layer.
            draw: number of the rotation.

        Returns:
            float32 (units, rotated units), to be divided by the spreads of the units; 0 for a direction without
            variance.
        """
        shape = self._shapes[population]
        scale = self._spreads[population].scale[shape.layer(layer)].float()
        sd, is_dead = self._size(population, layer, draw)
        matrix = self._matrix(shape.width, draw, layer, covariances.device)
        corr = ((covariances * scale[None, :]) @ matrix.T) / sd[None, :]
        corr[:, is_dead] = 0.0
        return corr
