"""Standard errors of correlations from sums over groups of documents: the delete-a-group jackknife of Fisher's z.

Groups differ in size, so it is the delete-m_j jackknife (Busing, Meijer and van der Leeden 1999): with h = n / n_g,
pseudo-values h z - (h - 1) z_without_g, their mean weighted by 1 / h, and variance
mean((pseudo-value - weighted mean)^2 / (h - 1)).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_NEARLY_ONE = 1 - 1e-12


@dataclass(frozen=True)
class GroupSums:
    """Sums over groups of documents for pairs of units, float64: n (groups,), the others (groups, pairs)."""

    n: Tensor
    x: Tensor
    y: Tensor
    xx: Tensor
    yy: Tensor
    xy: Tensor

    def merged(self, first: int) -> GroupSums:
        """The same with the groups up to `first` taken as one block."""
        return GroupSums(*(_merged(sums, first) for sums in (self.n, self.x, self.y, self.xx, self.yy, self.xy)))

    def columns(self, chosen: Tensor) -> GroupSums:
        """Some of the pairs."""
        return GroupSums(self.n, *(s[:, chosen] for s in (self.x, self.y, self.xx, self.yy, self.xy)))


def _merged(sums: Tensor, first: int) -> Tensor:
    block = torch.zeros_like(sums)
    block[first] = sums[: first + 1].sum(0)
    block[first + 1 :] = sums[first + 1 :]
    return block


def _fisher(n: Tensor, x: Tensor, y: Tensor, xx: Tensor, yy: Tensor, xy: Tensor) -> Tensor:
    covariance = xy / n - x / n * (y / n)
    variance_x, variance_y = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
    corr = covariance / (variance_x * variance_y).clamp_min(1e-300).sqrt()
    return torch.atanh(corr.clamp(-_NEARLY_ONE, _NEARLY_ONE))


def influences(sums: GroupSums) -> tuple[Tensor, int]:
    """What each group adds to the jackknife variance of Fisher's z, as signed roots.

    Args:
        sums: over groups; a group without positions is none.

    Returns:
        float64 (pairs, groups), whose squares add up to the variance, 0 for empty groups; and the number of groups
        with positions. Fewer than two give NaN.
    """
    present = (sums.n > 0).nonzero().squeeze(1)
    n_groups = len(present)
    result = torch.zeros(sums.x.shape[1], len(sums.n), dtype=torch.float64, device=sums.x.device)
    if n_groups < 2:
        return result.fill_(torch.nan), n_groups
    kept = [s[present] for s in (sums.x, sums.y, sums.xx, sums.yy, sums.xy)]
    n = sums.n[present].double().to(sums.x.device)[:, None]
    total = n.sum()
    whole = _fisher(total, *(s.sum(0) for s in kept))
    without = _fisher(total - n, *(s.sum(0) - s for s in kept))
    h = total / n
    pseudo = h * whole - (h - 1) * without
    result[:, present] = ((pseudo - (pseudo / h).sum(0)) / (n_groups * (h - 1)).sqrt()).T
    return result, n_groups
