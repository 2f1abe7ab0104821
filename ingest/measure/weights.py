"""Statistics of weights, and of what a neuron writes to the vocabulary."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_NEURONS_AT_ONCE = 1024


def weight_columns(w_in: Tensor, w_up: Tensor | None, w_out: Tensor, b_in: Tensor | None) -> dict[str, Tensor | None]:
    """Norms, cosines and biases of one layer's neurons, each (d_mlp,) float64 with NaN for what does not exist.

    Args:
        w_in: input weights (d_model, d_mlp); the gate's in a gated MLP.
        w_up: weights of the up projection (d_model, d_mlp), or None.
        w_out: output weights (d_mlp, d_model).
        b_in: biases (d_mlp,), or None.
    """
    into, out = w_in.double().T, w_out.double()
    up = None if w_up is None else w_up.double().T
    return {
        "w_in_norm": into.norm(dim=1),
        "w_up_norm": None if up is None else up.norm(dim=1),
        "w_out_norm": out.norm(dim=1),
        "input_bias": None if b_in is None else b_in.double(),
        "in_out_sim": _cosine(into, out),
        "up_out_sim": None if up is None else _cosine(up, out),
    }


def _cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosines of the rows of a and b, NaN where a row is zero."""
    cosines: Tensor = (a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1))
    return cosines


def vocabulary_power_sums(directions: Tensor, tokens: Tensor) -> Tensor:
    """Sums over the vocabulary of the first four powers of cos(token, direction).

    Args:
        directions: one per neuron, (neurons, d_model).
        tokens: one vector per token of the vocabulary, (d_vocab, d_model); zero vectors count as cosine 0.

    Returns:
        float64 (4, neurons); 0 for a zero direction.
    """
    unit = torch.nn.functional.normalize(tokens.double(), dim=1, eps=1e-30)
    sums = torch.zeros(4, len(directions), dtype=torch.float64)
    for start in range(0, len(directions), _NEURONS_AT_ONCE):
        some = torch.nn.functional.normalize(directions[start : start + _NEURONS_AT_ONCE].double(), dim=1, eps=1e-30)
        cosines = some @ unit.T
        squares = cosines * cosines
        powers = (cosines, squares, squares * cosines, squares * squares)
        sums[:, start : start + _NEURONS_AT_ONCE] = torch.stack([p.sum(1) for p in powers])
    return sums


def extreme_tokens(directions: Tensor, tokens: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Tokens whose logits a unit of each direction raises most, and lowers most.

    Args:
        directions: one per neuron, (neurons, d_model).
        tokens: one vector per token of the vocabulary, (d_vocab, d_model).
        k: tokens at either end; all if there are fewer.

    Returns:
        Ids and effects of the largest, ids and effects of the smallest, the most extreme first, (neurons, k) each.
    """
    found: list[tuple[Tensor, ...]] = []
    k = min(k, len(tokens))
    for some in directions.float().split(_NEURONS_AT_ONCE):
        effects = some @ tokens.float().T
        largest, smallest = effects.topk(k, dim=1), effects.topk(k, dim=1, largest=False)
        found.append((largest.indices, largest.values, smallest.indices, smallest.values))
    top, raised, bottom, lowered = (torch.cat(parts) for parts in zip(*found, strict=True))
    return top, raised, bottom, lowered


def random_directions(n: int, d_model: int, *, is_centred: bool) -> Tensor:
    """Gaussian directions, float64 (n, d_model), the same at every call; centred where writing weights are."""
    directions = torch.from_numpy(np.random.default_rng(d_model).standard_normal((n, d_model)))
    return directions - directions.mean(1, keepdim=True) if is_centred else directions
