"""Candidates: pairs of units that a pilot found likely, with exact sums over all positions.

Only these products are computed (a sampled dense-dense product), so the cost is linear in their number.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ingest.measure.correlation import Shape
from ingest.measure.extremes import RunningTop
from ingest.measure.units import Standardised, UnitSums
from ingest.names import GROUPS


def in_play(top: RunningTop, own_kurt: Tensor, n: int, *, errors: float) -> tuple[Tensor, Tensor]:
    """Pairs (unit, partner) that the pilot's error leaves in play.

    The error of a pilot's correlation is taken as sqrt(kurt / n), with the unit's own kurtosis: a heavy-tailed unit has
    few effective positions.

    Args:
        top: the most correlated partners on the pilot.
        own_kurt: kurtosis of every unit on the pilot, (units,).
        n: positions of the pilot.
        errors: how many errors below the best one a partner may be.

    Returns:
        Units and partners, int64 (pairs,) each; the best partner of every unit is always among them.
    """
    margin = errors * (own_kurt / n).sqrt().float()
    chosen = top.values >= (top.values[:, :1] - margin[:, None])
    chosen &= top.values > -torch.inf
    rows, rank = chosen.nonzero(as_tuple=True)
    return rows, top.index[rows, rank]


class Candidates:
    """Exact sums for chosen pairs of units of populations a and b, per group of documents.

    Attributes:
        i: units of a, int64 (pairs,), ascending.
        j: units of b, int64 (pairs,).
        sums: of products, float64 (groups, pairs).
    """

    def __init__(self, pair: tuple[int, int], shapes: list[Shape], i: Tensor, j: Tensor) -> None:
        """Start at zero for pairs (i, j), each once however often it is given."""
        self.pair = pair
        self._size = (shapes[pair[0]].n_units, shapes[pair[1]].n_units)
        flat = torch.unique(i * self._size[1] + j)
        self.i, self.j = flat // self._size[1], flat % self._size[1]
        self.sums = torch.zeros(GROUPS, len(flat), dtype=torch.float64, device=i.device)
        counts = torch.bincount(self.i, minlength=self._size[0])
        self._rows = torch.cat([counts.new_zeros(1), counts.cumsum(0)])

    def update(self, left: Tensor, right: Tensor, group: int) -> None:
        """Add positions of one group: z of a and of b, (units, tokens) float32 each, contiguous."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse")
            values = torch.zeros(len(self.j), device=left.device)
            pattern = torch.sparse_csr_tensor(self._rows, self.j, values, size=self._size, check_invariants=False)
            found = torch.sparse.sampled_addmm(pattern, left, right.T, beta=0.0)
        self.sums[group] += found.values().double()

    def correlations(self, a: Standardised, b: Standardised, groups: slice = slice(None)) -> Tensor:
        """Correlations of all pairs, float64, 0 for dead units."""
        covariance = self.sums[groups].sum(0) / a.n - a.mean[self.i] * b.mean[self.j]
        corr = covariance / a.sd[self.i] / b.sd[self.j]
        return torch.where(a.is_dead[self.i] | b.is_dead[self.j], 0.0, corr)

    def about_means(self, sums_a: UnitSums, sums_b: UnitSums, i: Tensor, j: Tensor) -> Tensor:
        """Sums of products about the means over all groups, float64 (groups, chosen pairs); NaN for no candidates."""
        keys = self.i * self._size[1] + self.j
        wanted = i * self._size[1] + j
        place = torch.searchsorted(keys, wanted).clamp_max(len(keys) - 1)
        n = sums_a.n[:, None].double().to(i.device)
        mean_a, mean_b = (s.total.sum(0) / n.sum() for s in (sums_a, sums_b))
        x, y = sums_a.total[:, i], sums_b.total[:, j]
        found = self.sums[:, place] - mean_b[j] * x - mean_a[i] * y + n * mean_a[i] * mean_b[j]
        return torch.where(keys[place] == wanted, found, torch.nan)

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"i": self.i, "j": self.j, "sums": self.sums}
