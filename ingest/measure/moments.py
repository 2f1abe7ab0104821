"""Power sums of activations per neuron and stratum: from them every moment follows in SQL, for any strata."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ingest.tables import STRATA

# Activations summed in float32 at once: few enough for its digits, and to stay in the cache through all four powers.
_AT_ONCE = 2**18


class PowerSums:
    """Sums of the first four powers of x - shift per stratum and neuron, in float64, with minima and maxima.

    The shift is close to the mean, so central moments follow from the sums without cancellation.
    """

    def __init__(self, shift: Tensor) -> None:
        """Start at zero; shift is (neurons,) float64, and is rounded to float32."""
        self.shift = shift.float().double()
        n_neurons = shift.shape[0]
        self.sums = torch.zeros(4, len(STRATA), n_neurons, dtype=torch.float64, device=shift.device)
        self.minimum = torch.full((len(STRATA), n_neurons), torch.inf, dtype=torch.float64, device=shift.device)
        self.maximum = torch.full_like(self.minimum, -torch.inf)

    def update(self, x: Tensor, stratum: int, neurons: slice) -> None:
        """Add a few positions of one stratum and some neurons: x (tokens, these neurons), one at least."""
        power = x.float() - self.shift[neurons].float()
        squares = power * power
        self._add(0, stratum, neurons, power)
        self._add(1, stratum, neurons, squares)
        power *= squares
        self._add(2, stratum, neurons, power)
        squares *= squares
        self._add(3, stratum, neurons, squares)
        self.minimum[stratum, neurons] = torch.minimum(self.minimum[stratum, neurons], x.amin(0).double())
        self.maximum[stratum, neurons] = torch.maximum(self.maximum[stratum, neurons], x.amax(0).double())

    def _add(self, power: int, stratum: int, neurons: slice, values: Tensor) -> None:
        self.sums[power, stratum, neurons] += values.sum(0).double()


class Moments:
    """What `raw.moments` holds of one model: pre- and post-activations and counts of positive pre-activations."""

    def __init__(self, pre_shift: Tensor, post_shift: Tensor) -> None:
        """Start at zero; shifts are (neurons,) float64."""
        self.pre = PowerSums(pre_shift)
        self.post = PowerSums(post_shift)
        self.n = torch.zeros(len(STRATA), dtype=torch.int64)
        self.n_positive = torch.zeros(len(STRATA), len(pre_shift), dtype=torch.int64, device=pre_shift.device)

    def update(self, pre: Sequence[Tensor], post: Sequence[Tensor], stratum: Tensor) -> None:
        """Add positions: pre and post of each layer (tokens, width), stratum (tokens,)."""
        for index in range(len(STRATA)):
            chosen = (stratum == index).nonzero().squeeze(1)
            self.n[index] += len(chosen)
            for layer, (before, after) in enumerate(zip(pre, post, strict=True)):
                width = before.shape[1]
                neurons = slice(layer * width, (layer + 1) * width)
                for few in chosen.split(max(1, _AT_ONCE // width)) if len(chosen) else ():
                    these = before.index_select(0, few)
                    self.pre.update(these, index, neurons)
                    self.post.update(after.index_select(0, few), index, neurons)
                    is_positive = torch.gt(these, 0, out=torch.empty_like(these))
                    self.n_positive[index, neurons] += is_positive.sum(0).long()
