"""What neurons write to the vocabulary, compared: with features of tokens, with their frequency, with other neurons.

A neuron's effect on a token is cos(W_U, w_out), a linear function of its unit output direction. So every sum over the
vocabulary is taken once in the space of directions, and no effect is ever written out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Writing:
    """Output directions of a model's neurons and the tokens' directions, each of unit length or zero.

    Attributes:
        neurons: float32 (layers, width, d_model).
        tokens: columns of the unembedding, float32 (d_vocab, d_model).
    """

    neurons: Tensor
    tokens: Tensor

    @staticmethod
    def of(w_out: Sequence[Tensor], tokens: Tensor) -> Writing:
        """From output weights (width, d_model) per layer and token vectors (d_vocab, d_model)."""
        return Writing(unit(torch.stack([w.detach() for w in w_out])), unit(tokens.detach()))


def unit(vectors: Tensor) -> Tensor:
    """Vectors (..., d) of length one in float32; those of length zero stay."""
    return torch.nn.functional.normalize(vectors.double(), dim=-1, eps=1e-30).float()


def feature_effects(writing: Writing, holds: Tensor) -> Tensor:
    """Sums of each neuron's effects over the tokens with each feature.

    Args:
        writing: of a model.
        holds: which tokens have which features, bool (d_vocab, features).

    Returns:
        float64 (layers, width, features).
    """
    directions = writing.tokens.double().T @ holds.double()
    return torch.stack([layer.double() @ directions for layer in writing.neurons])


def frequency_correlations(writing: Writing, counts: Tensor) -> Tensor:
    """Correlation over the vocabulary of each neuron's effects with the logarithm of the tokens' frequency.

    Token-frequency neurons act along this direction (Stolfo et al. 2024). Tokens that do not occur count as half an
    occurrence.

    Args:
        writing: of a model.
        counts: occurrences of each token, (d_vocab,).

    Returns:
        float64 (layers, width); NaN for a neuron that writes nothing.
    """
    axis = log_frequency(counts)
    centred = axis - axis.mean()
    covariance = writing.tokens.double().T @ (centred / centred.norm())
    spread = _covariance(writing, writing, torch.ones(len(axis), 1, dtype=torch.float64))
    found = [(layer @ covariance) / _norms(layer, spread) for layer in writing.neurons.double()]
    return torch.stack(found)


def log_frequency(counts: Tensor) -> Tensor:
    """Logarithm of the number of occurrences, at least a half; float64 (d_vocab,)."""
    return counts.double().clamp_min(0.5).log()


class EffectSimilarity:
    """Correlation over the vocabulary of the effects of neurons of two models with one tokenizer.

    Functional universality (Gurnee et al. 2024, section 5) compares it for matched neurons and for random pairs.
    """

    def __init__(self, a: Writing, b: Writing, without: Tensor) -> None:
        """Prepare two models.

        Args:
            a: one model.
            b: the other one.
            without: directions over the vocabulary that are taken out of every neuron's effects, (d_vocab, k); a
                constant one makes it a correlation.
        """
        self._between = _covariance(a, b, without)
        self._a, self._b = (_scaled(writing, without) for writing in (a, b))

    def of_pairs(self, i: tuple[Tensor, Tensor], j: tuple[Tensor, Tensor]) -> Tensor:
        """Similarity of some pairs of neurons, each given as layers and neurons, int64 (pairs,); float64 (pairs,)."""
        similarity: Tensor = ((self._a[i] @ self._between) * self._b[j]).sum(1)
        return similarity

    def of_layers(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation over all pairs of neurons of two layers, float64 (layers of a, layers of b)."""
        first, second = self._a.nan_to_num(0.0), self._b.nan_to_num(0.0)
        mean = first.mean(1) @ self._between @ second.mean(1).T
        moments_a, moments_b = (x.transpose(1, 2) @ x / x.shape[1] for x in (first, second))
        turned = self._between @ moments_b @ self._between.T
        square = torch.einsum("aij,bij->ab", moments_a, turned)
        return mean, (square - mean**2).clamp_min(0.0).sqrt()


def _covariance(a: Writing, b: Writing, without: Tensor) -> Tensor:
    """Products of both models' token vectors, summed over the vocabulary less some directions; (d_model, d_model)."""
    basis = torch.linalg.qr(without.double()).Q
    first, second = a.tokens.double(), b.tokens.double()
    covariance: Tensor = first.T @ second - (first.T @ basis) @ (basis.T @ second)
    return covariance


def _norms(directions: Tensor, covariance: Tensor) -> Tensor:
    norms: Tensor = ((directions @ covariance) * directions).sum(-1).clamp_min(0.0).sqrt()
    return norms


def _scaled(writing: Writing, without: Tensor) -> Tensor:
    """Directions over the norm of their effects, float64 (layers, width, d_model); NaN for those that write nothing."""
    directions = writing.neurons.double()
    norms = _norms(directions, _covariance(writing, writing, without))
    return directions / torch.where(norms > 0, norms, torch.nan)[..., None]
