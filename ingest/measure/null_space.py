"""The unembedding's singular directions, and how much of a vector lies in those that hardly reach the logits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Spectrum:
    """Singular directions of an unembedding.

    Attributes:
        directions: float64 (d_model, n), orthonormal, the smallest singular value first.
        values: the singular values, float64 (n,).
        covariance: of the tokens' vectors over the vocabulary, float64 (d_model, d_model).
    """

    directions: Tensor
    values: Tensor
    covariance: Tensor

    def n_smallest(self, part: float) -> int:
        """How many directions are a part of all; one at least."""
        return max(1, round(part * len(self.values)))


def spectrum(tokens: Tensor, *, is_centred: bool) -> Spectrum:
    """Singular directions of the map from the residual stream to the logits.

    Centring takes the constant direction out of every weight that meets the residual stream: its singular value of 0
    says nothing about the model, so it is left out.

    Args:
        tokens: one vector per token of the vocabulary, (d_vocab, d_model).
        is_centred: whether they and the writing weights are centred over the residual stream.
    """
    vectors = tokens.double()
    gram = vectors.T @ vectors
    basis = torch.eye(len(gram), dtype=torch.float64)
    if is_centred:
        # The reflection that swaps the constant direction and the first axis: its other columns are orthogonal to both.
        constant = torch.full((len(gram),), len(gram) ** -0.5, dtype=torch.float64)
        across = constant - basis[0]
        basis = (basis - 2.0 * torch.outer(across, across) / across.square().sum())[:, 1:]
    squares, turned = torch.linalg.eigh(basis.T @ gram @ basis)
    mean = vectors.mean(0)
    covariance = gram / len(vectors) - torch.outer(mean, mean)
    return Spectrum(basis @ turned, squares.clamp(min=0.0).sqrt(), covariance)


def null_parts(vectors: Tensor, space: Spectrum, parts: Sequence[float]) -> Tensor:
    """Share of each vector's squared norm in the smallest singular directions (Stolfo et al. 2024, squared).

    Args:
        vectors: (n, d_model).
        space: the singular directions.
        parts: shares of all directions that count as the null space.

    Returns:
        float64 (n, parts), NaN for a zero vector; a random direction has n_smallest / n on average.
    """
    widths = [space.n_smallest(part) for part in parts]
    rows = vectors.double()
    within = (rows @ space.directions[:, : max(widths)]).square().cumsum(1)
    shares: Tensor = within[:, [width - 1 for width in widths]] / rows.square().sum(1, keepdim=True)
    return shares


def logit_variances(vectors: Tensor, space: Spectrum) -> Tensor:
    """Variance over the vocabulary of what one unit of each vector (n, d_model) adds to the logits, float64 (n,)."""
    rows = vectors.double()
    variances: Tensor = ((rows @ space.covariance) * rows).sum(1).clamp(min=0.0)
    return variances
