"""For every vector the most similar and the most opposite one among all others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ingest.measure.outputs import unit

_VECTORS_AT_ONCE = 1024


@dataclass(frozen=True)
class Extremes:
    """A partner of each vector: its number and the cosine with it, (n,) both."""

    index: Tensor
    cosine: Tensor


def extreme_neighbours(vectors: Tensor) -> tuple[Extremes, Extremes]:
    """The other vector with the largest and the one with the smallest cosine, among (n, d), n of 2 or more.

    Every cosine is computed once, in blocks: the memory is that of the vectors and of one block. The first of equal
    ones wins.
    """
    directions = unit(vectors)
    top, bottom = _Running(len(vectors)), _Running(len(vectors))
    blocks = [slice(start, start + _VECTORS_AT_ONCE) for start in range(0, len(vectors), _VECTORS_AT_ONCE)]
    for number, own in enumerate(blocks):
        for other in blocks[number:]:
            cosines = directions[own] @ directions[other].T
            if own == other:
                cosines.fill_diagonal_(-torch.inf)
            top.see(cosines, own, other, is_same=own == other)
            cosines.neg_()
            if own == other:
                cosines.fill_diagonal_(-torch.inf)
            bottom.see(cosines, own, other, is_same=own == other)
    return Extremes(top.index, top.value), Extremes(bottom.index, -bottom.value)


def paired_cosines(vectors: Tensor, partners: Tensor) -> Tensor:
    """Cosine of each vector (n, d) with its partner among them, float64 (n,); NaN where one is zero."""
    rows = vectors.double()
    others = rows[partners]
    cosines: Tensor = (rows * others).sum(1) / (rows.norm(dim=1) * others.norm(dim=1))
    return cosines


class _Running:
    """The largest value that each vector has met so far, and with whom."""

    def __init__(self, n: int) -> None:
        self.value = torch.full((n,), -torch.inf)
        self.index = torch.zeros(n, dtype=torch.int64)

    def see(self, values: Tensor, own: slice, other: slice, *, is_same: bool) -> None:
        """Take in a block of values of `own` against `other`, which counts for both."""
        self._raise(own, *values.max(dim=1), other.start)
        if not is_same:
            self._raise(other, *values.max(dim=0), own.start)

    def _raise(self, whose: slice, values: Tensor, index: Tensor, start: int) -> None:
        better = values > self.value[whose]
        self.value[whose] = torch.where(better, values, self.value[whose])
        self.index[whose] = torch.where(better, index + start, self.index[whose])
