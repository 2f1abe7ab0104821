"""Correlations of all neurons of all pairs of models from one forward pass per model.

Everything is an additive sum of standardised post-activations z = (a - shift) / scale, so that neither cancellation nor
the neurons' different sizes cost precision: `sum z_i z_j` for every pair of models, and for the rotation baseline the
same within each layer. Means and variances come from the power sums in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


class CrossMoments:
    """Sums of products for every pair of models and within every layer.

    Attributes:
        pairs: for each pair (a, b) of model indices the sums (neurons of a, neurons of b), float32.
        layers: for each model the sums within each layer (layers, d_mlp, d_mlp), float32.
    """

    def __init__(self, pairs: Sequence[tuple[int, int]], shapes: Sequence[tuple[int, int]], device: str) -> None:
        """Start at zero.

        Args:
            pairs: pairs of model indices, each unordered pair once.
            shapes: (layers, d_mlp) of each model.
            device: torch device of the sums.
        """
        sizes = [n_layers * d_mlp for n_layers, d_mlp in shapes]
        self.shapes = list(shapes)
        self.pairs = {(a, b): torch.zeros(sizes[a], sizes[b], device=device) for a, b in pairs}
        self.layers = [torch.zeros(n_layers, d_mlp, d_mlp, device=device) for n_layers, d_mlp in shapes]

    def update(self, z: Sequence[Tensor]) -> None:
        """Add positions: z of each model, (tokens, neurons) float32, the same positions in every model."""
        for (a, b), sums in self.pairs.items():
            sums.addmm_(z[a].T, z[b])
        for values, sums, (n_layers, d_mlp) in zip(z, self.layers, self.shapes, strict=True):
            for layer in range(n_layers):
                block = values[:, layer * d_mlp : (layer + 1) * d_mlp]
                sums[layer].addmm_(block.T, block)

    def tensors(self) -> dict[str, Tensor]:
        """All sums by name, for a state file."""
        named = {f"pair.{a}.{b}": sums for (a, b), sums in self.pairs.items()}
        return named | {f"layers.{m}": sums for m, sums in enumerate(self.layers)}


@dataclass(frozen=True)
class Standardised:
    """Mean and spread of standardised activations.

    Attributes:
        n: positions.
        mean: float64 (neurons,).
        sd: float64 (neurons,), 1 for dead neurons.
        is_dead: neurons without variance, which take part in no correlation.
        scale: one unit of z in the activation's own units.
    """

    n: int
    mean: Tensor
    sd: Tensor
    is_dead: Tensor
    scale: Tensor

    @classmethod
    def from_sums(cls, n: int, total: Tensor, squares: Tensor, is_dead: Tensor, scale: Tensor) -> Standardised:
        """Finish power sums of activations.

        Args:
            n: positions.
            total: sum of (a - shift), float64 (neurons,).
            squares: sum of (a - shift)^2.
            is_dead: neurons whose smallest and largest activation are the same.
            scale: the scale of z.
        """
        variance = (squares / n - (total / n) ** 2) / scale**2
        dead = is_dead | (variance <= 0)
        return cls(n, total / n / scale, torch.where(dead, 1.0, variance.clamp_min(0).sqrt()), dead, scale)

    def part(self, neurons: slice) -> Standardised:
        """Some of the neurons."""
        return Standardised(self.n, self.mean[neurons], self.sd[neurons], self.is_dead[neurons], self.scale[neurons])


def covariance(sums: Tensor, a: Standardised, b: Standardised) -> Tensor:
    """Covariances (neurons of a, neurons of b) of standardised activations, float64."""
    return sums.double() / a.n - a.mean[:, None] * b.mean[None, :]


def correlation(covariances: Tensor, a: Standardised, b: Standardised) -> Tensor:
    """Pearson correlations (neurons of a, neurons of b), 0 where one of the two is dead."""
    corr = (covariances / a.sd[:, None] / b.sd[None, :]).clamp(-1.0, 1.0)
    corr[a.is_dead] = 0.0
    corr[:, b.is_dead] = 0.0
    return corr
