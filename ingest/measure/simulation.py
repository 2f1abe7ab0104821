"""Simulated seeds: what another training of a model might have found, made from its own activations.

A layer's post-activations a become b = (1 - s) a + s R a + noise, with a random Gaussian matrix R of unit rows and
independent Gaussian noise of a given share of each neuron's standard deviation (the replication report's simulated
models; its rotation and noise in one formula). How a neuron correlates with its own counterpart then follows from the
layer's covariance alone, so a measurement can be held against it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ingest.measure.baseline import rotation
from ingest.measure.correlation import Shape
from ingest.measure.units import Standardised
from ingest.names import GROUPS

# Beyond every draw of a rotation baseline, so that no baseline undoes the simulation.
_FIRST_DRAW = 1_000_000


class SimulatedSeed:
    """The simulated seed of one model."""

    def __init__(self, *, strength: float, noise: float, seed: int, model: int, shape: Shape, scale: Tensor) -> None:
        """Draw its rotations.

        Args:
            strength: share s of the rotated activations, 0 to 1.
            noise: standard deviation of the noise, in units of `scale`.
            seed: of rotations and noise.
            model: number of the model, which draws rotations and noise of its own.
            shape: layers and neurons per layer.
            scale: about each neuron's standard deviation, float64 (neurons,), on the device.
        """
        self._strength, self._seed, self._model, self._shape = strength, seed, model, shape
        self._noise = noise * scale
        self._turned = [self._mixing(layer).T.float().contiguous() for layer in range(shape.n_layers)]

    def _mixing(self, layer: int) -> Tensor:
        """M = (1 - s) I + s R of a layer, float64 (width, width); drawn anew, because all of them are large."""
        width, s = self._shape.width, self._strength
        turned = rotation(width, seed=self._seed, draw=_FIRST_DRAW + self._model, layer=layer)
        return (s * turned + (1 - s) * torch.eye(width, dtype=torch.float64)).to(self._noise.device)

    def activations(self, layers: Sequence[Tensor], row: int) -> list[Tensor]:
        """Its post-activations, float32 (tokens, width) per layer.

        Args:
            layers: the model's, (tokens, width) per layer.
            row: number of the batch's first token row, which decides the noise.
        """
        words = np.random.SeedSequence([self._seed, self._model, row]).generate_state(2, np.uint32)
        generator = torch.Generator(device=layers[0].device).manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
        found = []
        for layer, values in enumerate(layers):
            noise = torch.randn(values.shape, generator=generator, device=values.device)
            noise *= self._noise[self._shape.layer(layer)].float()
            found.append(noise.addmm_(values.float(), self._turned[layer]))
        return found

    def expected(self, layer: int, covariance: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """Correlation of each neuron of a layer with its counterpart, by algebra from the layer's covariance.

        With C of a and M = (1 - s) I + s R, cov(a, b) = C M^T and var(b) = diag(M C M^T) + noise^2.

        Args:
            layer: which.
            covariance: of z = (a - shift) / scale, float64 (width, width).
            scale: of the layer's z, float64 (width,).

        Returns:
            The correlations, and the noise's shares q of the counterparts' variances, float64 (width,) each; NaN for a
            neuron without variance.
        """
        mixing = self._mixing(layer)
        own = covariance * torch.outer(scale, scale)
        across = (own * mixing).sum(1)
        noise = self._noise[self._shape.layer(layer)] ** 2
        variance = ((mixing @ own) * mixing).sum(1) + noise
        return across / (own.diagonal() * variance).sqrt(), noise / variance


def noise_error(corr: Tensor, share: Tensor, n: int) -> Tensor:
    """Standard error of a measured correlation about the expected one: the noise alone is random.

    To first order, noise e moves corr by cov(a / sd_a - corr b / sd_b, e) / sd_b and through its own variance; with
    q = var(e) / var(b) that is sqrt(q (1 - corr^2 - corr^2 q / 2) / n).

    Args:
        corr: expected, (neurons,).
        share: q, (neurons,).
        n: positions.
    """
    squared = corr**2
    return (share * (1 - squared - squared * share / 2) / n).clamp_min(0).sqrt()


class CounterpartSums:
    """Sums of products of every neuron with its counterpart, float64 (groups, neurons): exact by any method."""

    def __init__(self, shape: Shape, device: str) -> None:
        """Start at zero."""
        self._shape = shape
        self.products = torch.zeros(GROUPS, shape.n_units, dtype=torch.float64, device=device)

    def add(self, own: Sequence[Tensor], simulated: Sequence[Tensor], group: int) -> None:
        """Add positions of one group of documents: z of each layer, (tokens, width), of both."""
        for layer, (a, b) in enumerate(zip(own, simulated, strict=True)):
            self.products[group, self._shape.layer(layer)] += (a.float() * b.float()).sum(0).double()

    def correlations(self, own: Standardised, simulated: Standardised) -> Tensor:
        """Correlation of every neuron with its counterpart, float64 (neurons,)."""
        covariance = self.products.sum(0) / own.n - own.mean * simulated.mean
        return covariance / (own.sd * simulated.sd)
