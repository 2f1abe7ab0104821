"""The rotation baseline by algebra: correlations with randomly rotated layers, without rotating any activation.

For a layer's activations b and a random matrix R, cov(a, R b) = cov(a, b) R^T and var(R b) = diag(R cov(b, b) R^T).
Activations are rotated in their own units; rotating standardised ones would lower the baseline (Gurnee et al. 2024
rotate activations).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ingest.measure.correlation import Standardised, covariance


def rotation(width: int, *, seed: int, draw: int, layer: int) -> Tensor:
    """Random Gaussian matrix with unit rows, float64 (width, width), a function of its arguments alone.

    Every partner model's layer of that number and width is rotated by the same matrix.
    """
    matrix = np.random.default_rng([seed, draw, layer, width]).standard_normal((width, width))
    return torch.from_numpy(matrix / np.linalg.norm(matrix, axis=1, keepdims=True))


class RotatedLayer:
    """One layer of a model under one rotation.

    Attributes:
        matrix: maps covariances with the layer's standardised neurons to those with the rotated ones, (d_mlp, rotated).
        sd: standard deviation of each rotated neuron, (rotated,).
    """

    def __init__(self, rotated: Tensor, sums: Tensor, layer: Standardised) -> None:
        """Rotate.

        Args:
            rotated: the matrix R (rotated, d_mlp).
            sums: `sum z z^T` within the layer.
            layer: means and spreads of the layer's neurons.
        """
        in_own_units = rotated.to(sums.device) * layer.scale[None, :]
        within = covariance(sums, layer, layer)
        variance = ((in_own_units @ within) * in_own_units).sum(1).clamp_min(0)
        # Rounding alone decides about a direction with next to no variance; it is not a partner.
        sizes = (in_own_units**2 * within.diagonal()[None, :]).sum(1)
        self.is_dead = variance <= 1e-9 * sizes
        self.sd = torch.where(self.is_dead, 1.0, variance.sqrt())
        self.matrix = in_own_units.T.float().contiguous()

    def largest_correlation(self, covariances: Tensor, a: Standardised) -> Tensor:
        """Largest correlation of each neuron of a with a rotated neuron, (neurons of a,).

        Args:
            covariances: of a's neurons with the layer's standardised neurons, (neurons of a, d_mlp).
            a: spreads of a's neurons.
        """
        corr = (covariances.float() @ self.matrix) / self.sd[None, :].float()
        corr[:, self.is_dead] = 0.0
        largest = (corr.amax(1) / a.sd.float()).clamp(-1.0, 1.0)
        largest[a.is_dead] = 0.0
        return largest
