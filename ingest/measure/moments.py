"""Power sums of activations per neuron and stratum: from them every moment follows in SQL, for any strata."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ingest.tables import STRATA

# Blocks of this many values stay in the cache through all four powers.
_VALUES_AT_ONCE = 1 << 19


class PowerSums:
    """Sums of the first four powers of x - shift per stratum and neuron, in float64, with minima and maxima.

    The shift is close to the mean, so central moments follow from the sums without cancellation.
    """

    def __init__(self, shift: Tensor) -> None:
        """Start at zero; shift is (neurons,) float64."""
        self.shift = shift
        n_neurons = shift.shape[0]
        self.sums = torch.zeros(4, len(STRATA), n_neurons, dtype=torch.float64, device=shift.device)
        self.minimum = torch.full((len(STRATA), n_neurons), torch.inf, dtype=torch.float64, device=shift.device)
        self.maximum = torch.full_like(self.minimum, -torch.inf)

    def update(self, x: Tensor, masks: Tensor, neurons: slice) -> None:
        """Add positions of some neurons.

        Args:
            x: (tokens, these neurons) of any float type.
            masks: (strata, tokens) float64, 1 where they belong.
            neurons: which ones.
        """
        shift = self.shift[neurons]
        tokens = max(1, _VALUES_AT_ONCE // x.shape[1])
        # A product with the masks sums every stratum at once.
        for block, mask in zip(x.split(tokens), masks.split(tokens, dim=1), strict=True):
            power = block.double() - shift
            squares = power * power
            self.sums[0, :, neurons] += mask @ power
            self.sums[1, :, neurons] += mask @ squares
            power *= squares
            self.sums[2, :, neurons] += mask @ power
            squares *= squares
            self.sums[3, :, neurons] += mask @ squares
        for index, mask in enumerate(masks):
            rows = x[mask > 0]
            if len(rows):
                self.minimum[index, neurons] = torch.minimum(self.minimum[index, neurons], rows.amin(0).double())
                self.maximum[index, neurons] = torch.maximum(self.maximum[index, neurons], rows.amax(0).double())


class Moments:
    """What `raw.moments` holds of one model: pre- and post-activations and counts of positive pre-activations."""

    def __init__(self, pre_shift: Tensor, post_shift: Tensor) -> None:
        """Start at zero; shifts are (neurons,) float64."""
        self.pre = PowerSums(pre_shift)
        self.post = PowerSums(post_shift)
        self.n = torch.zeros(len(STRATA), dtype=torch.int64)
        self.n_positive = torch.zeros(len(STRATA), len(pre_shift), dtype=torch.float64, device=pre_shift.device)

    def update(self, pre: Sequence[Tensor], post: Sequence[Tensor], stratum: Tensor) -> None:
        """Add positions: pre and post of each layer (tokens, width), stratum (tokens,)."""
        masks = torch.nn.functional.one_hot(stratum.long(), len(STRATA)).T.double().contiguous()
        self.n += masks.sum(1).long().cpu()
        for layer, (before, after) in enumerate(zip(pre, post, strict=True)):
            neurons = slice(layer * before.shape[1], (layer + 1) * before.shape[1])
            self.pre.update(before, masks, neurons)
            self.post.update(after, masks, neurons)
            self.n_positive[:, neurons] += (masks.float() @ (before > 0).float()).double()
