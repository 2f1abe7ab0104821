"""Partners that are followed through an exact run: their sums per group of documents, for standard errors.

The winner is known when the run ends, and the sums over its groups would be gone by then. So the likeliest winners are
chosen early and chosen again as the sums grow; one that was chosen later has its first groups in one block.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ingest.measure.correlation import CrossMoments, Shape
from ingest.measure.extremes import RunningTop
from ingest.measure.jackknife import GroupSums, influences
from ingest.measure.units import Standardised, UnitSums
from ingest.names import GROUPS

FOLLOWED = 8
# Choosing again after these groups costs little and misses few; the last one leaves eight blocks to judge by.
CHOOSING = (0, 1, 3, 7)


class Followed:
    """Followed partners of the units of population a in population b.

    Attributes:
        index: units of b, int64 (units of a, followed).
        merged: group up to which the sums are in one block, int64 (units of a, followed).
        sums: of products per group, float32 (groups, units of a, followed); a block stands in its last group.
    """

    def __init__(self, a: int, b: int, shapes: list[Shape], device: str) -> None:
        """Follow none yet."""
        self.a, self.b = a, b
        shape = (shapes[a].n_units, min(FOLLOWED, shapes[b].n_units))
        self.index = torch.full(shape, -1, dtype=torch.int64, device=device)
        self.merged = torch.zeros_like(self.index)
        self.sums = torch.zeros(GROUPS, *shape, device=device)

    @property
    def is_empty(self) -> bool:
        """Whether none are followed yet."""
        return int(self.index[0, 0]) < 0

    def _now(self, cross: CrossMoments, index: Tensor) -> Tensor:
        """Sums up to now of every unit with the units of an index; NaN where they are not held."""
        own = torch.arange(len(index), device=index.device)[:, None].expand_as(index)
        if any((t.a, t.b) == (self.a, self.b) for t in cross.sums):
            return cross.values((self.a, self.b), own, index)
        return cross.values((self.b, self.a), index, own)

    def end_group(self, group: int, cross: CrossMoments) -> None:
        """Book what the sums grew by since the last call under a group of documents."""
        if self.is_empty:
            return
        self.sums[group] += self._now(cross, self.index) - self.sums.sum(0)

    def choose(self, group: int, top: RunningTop, cross: CrossMoments) -> None:
        """Follow the most correlated partners from now on; those that are followed already keep their groups.

        Args:
            group: the last group that the sums hold, all of its predecessors too.
            top: the most correlated partners now.
            cross: the sums.
        """
        chosen = top.index[:, : self.index.shape[1]]
        merged = torch.full_like(self.merged, group)
        sums = torch.zeros_like(self.sums)
        sums[group] = self._now(cross, chosen)
        same = chosen[:, :, None] == self.index[:, None, :]
        row, new, old = same.nonzero(as_tuple=True)
        merged[row, new] = self.merged[row, old]
        sums[:, row, new] = self.sums[:, row, old]
        self.index, self.merged, self.sums = chosen.clone(), merged, sums

    def influences(
        self, winner: Tensor, sums_a: UnitSums, sums_b: UnitSums, spreads: tuple[Standardised, Standardised]
    ) -> tuple[Tensor, Tensor]:
        """Jackknife influences of every unit's correlation with its winner.

        Args:
            winner: units of b, (units of a,).
            sums_a: of population a.
            sums_b: of population b.
            spreads: of a and b.

        Returns:
            float64 (units of a, groups), NaN where the winner was not followed or a unit is dead; and the number of
            blocks, int64 (units of a,).
        """
        result = torch.full((len(winner), GROUPS), torch.nan, dtype=torch.float64, device=winner.device)
        blocks = torch.zeros(len(winner), dtype=torch.int64, device=winner.device)
        is_winner = self.index == winner[:, None]
        alive = ~spreads[0].is_dead & ~spreads[1].is_dead[winner]
        known = (is_winner.any(1) & alive).nonzero().squeeze(1)
        place = is_winner[known].int().argmax(1)
        merged = self.merged[known, place]
        j = winner[known]
        sums = GroupSums(
            sums_a.n,
            sums_a.total[:, known],
            sums_b.total[:, j],
            sums_a.squares[:, known],
            sums_b.squares[:, j],
            self.sums[:, known, place].double(),
        )
        for first in merged.unique().tolist():
            chosen = (merged == first).nonzero().squeeze(1)
            result[known[chosen]], blocks[known[chosen]] = influences(sums.columns(chosen).merged(first))
        return result, blocks

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"index": self.index, "merged": self.merged, "sums": self.sums}
