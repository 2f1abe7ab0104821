"""Norms and cosines of weights, and random directions to hold them against."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


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


def random_directions(n: int, d_model: int, *, is_centred: bool) -> Tensor:
    """Gaussian directions, float64 (n, d_model), the same at every call; centred where writing weights are."""
    directions = torch.from_numpy(np.random.default_rng(d_model).standard_normal((n, d_model)))
    return directions - directions.mean(1, keepdim=True) if is_centred else directions
