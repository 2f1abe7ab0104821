"""Selections from a block of correlations: the most and least correlated partners, and each layer's extremes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Extremes:
    """The partners at one end, most extreme first: index into the partner's neurons and corr, each (neurons, k)."""

    index: Tensor
    corr: Tensor


def extreme_partners(corr: Tensor, is_dead: Tensor, k: int) -> tuple[Extremes, Extremes]:
    """The k largest and the k smallest correlations of every neuron.

    Args:
        corr: (neurons, partners).
        is_dead: partners that are none, (partners,).
        k: how many; fewer where the partner model has fewer living neurons.

    Returns:
        Top and bottom.
    """
    k = min(k, int((~is_dead).sum()))
    ends = []
    for sign in (1.0, -1.0):
        signed = torch.where(is_dead[None, :], -torch.inf, sign * corr)
        values, index = signed.topk(k, dim=1)
        ends.append(Extremes(index, sign * values))
    return ends[0], ends[1]


def layer_extremes(corr: Tensor, is_dead: Tensor, n_layers: int) -> tuple[Extremes, Extremes]:
    """The largest and the smallest correlation of every neuron with each layer of the partner model.

    Args:
        corr: (neurons, partners), the partner's layers side by side.
        is_dead: partners that are none, (partners,).
        n_layers: layers of the partner model.

    Returns:
        Largest and smallest, each (neurons, layers), index within the layer; infinite where a whole layer is dead.
    """
    blocks = corr.view(len(corr), n_layers, corr.shape[1] // n_layers)
    dead = is_dead.view(n_layers, -1)[None]
    highest = torch.where(dead, -torch.inf, blocks).max(2)
    lowest = torch.where(dead, torch.inf, blocks).min(2)
    return Extremes(highest.indices, highest.values), Extremes(lowest.indices, lowest.values)
