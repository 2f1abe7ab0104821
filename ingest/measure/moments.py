"""Power sums of activations per neuron and stratum: from them every moment follows in SQL, for any strata."""

from __future__ import annotations

import torch
from torch import Tensor

from ingest.tables import STRATA

_TOKENS_AT_ONCE = 256


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

    def update(self, x: Tensor, masks: Tensor) -> None:
        """Add positions: x (tokens, neurons) of any float type; masks (strata, tokens) float64, 1 where they belong."""
        # Small blocks stay in the cache through all four powers; a product with the masks sums every stratum at once.
        for block, mask in zip(x.split(_TOKENS_AT_ONCE), masks.split(_TOKENS_AT_ONCE, dim=1), strict=True):
            power = block.double() - self.shift
            squares = power * power
            self.sums[0] += mask @ power
            self.sums[1] += mask @ squares
            power *= squares
            self.sums[2] += mask @ power
            squares *= squares
            self.sums[3] += mask @ squares
        for index, mask in enumerate(masks):
            rows = x[mask > 0]
            if len(rows):
                self.minimum[index] = torch.minimum(self.minimum[index], rows.amin(0).double())
                self.maximum[index] = torch.maximum(self.maximum[index], rows.amax(0).double())


class Moments:
    """What `raw.moments` holds of one model: pre- and post-activations and counts of positive pre-activations."""

    def __init__(self, pre_shift: Tensor, post_shift: Tensor) -> None:
        """Start at zero; shifts are (neurons,) float64."""
        self.pre = PowerSums(pre_shift)
        self.post = PowerSums(post_shift)
        self.n = torch.zeros(len(STRATA), dtype=torch.int64)
        self.n_positive = torch.zeros(len(STRATA), len(pre_shift), dtype=torch.float64, device=pre_shift.device)

    def update(self, pre: Tensor, post: Tensor, stratum: Tensor) -> None:
        """Add positions: pre and post (tokens, neurons), stratum (tokens,)."""
        masks = torch.nn.functional.one_hot(stratum.long(), len(STRATA)).T.double().contiguous()
        self.pre.update(pre, masks)
        self.post.update(post, masks)
        self.n += masks.sum(1).long().cpu()
        self.n_positive += (masks.float() @ (pre > 0).float()).double()


class Pilot:
    """Mean and standard deviation per neuron from the first rows of the corpus, over stratum text.

    They only place the sums well; results do not depend on them beyond rounding.
    """

    def __init__(self, pre: Tensor, post: Tensor, *, n_layers: int) -> None:
        """Look at pre and post (tokens, neurons), layers side by side."""
        self.pre_shift = pre.double().mean(0)
        self.post_shift = post.double().mean(0)
        spread = post.double().std(0, correction=0)
        median = spread.view(n_layers, -1).median(1).values
        # A neuron that is silent here may speak later: a tiny scale would make its values huge.
        floor = (1e-3 * median).repeat_interleave(len(spread) // n_layers)
        floor[floor == 0] = 1.0
        self.scale = torch.maximum(spread, floor)
