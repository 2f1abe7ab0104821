"""Running extremes of correlations, offered block by block."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class RunningTop:
    """The k largest values of every row over all blocks offered, largest first.

    Attributes:
        values: float32 (rows, k), -inf where fewer were offered.
        index: int64 (rows, k), the columns they are from.
    """

    def __init__(self, n_rows: int, k: int, device: str) -> None:
        """Start with none."""
        self.values = torch.full((n_rows, k), -torch.inf, device=device)
        self.index = torch.zeros(n_rows, k, dtype=torch.int64, device=device)

    def offer(self, block: Tensor, rows: slice, first_column: int) -> None:
        """Offer the values (rows, columns) of neighbouring columns from `first_column` on."""
        k = self.values.shape[1]
        values, index = block.topk(min(k, block.shape[1]), dim=1)
        self.merge(values, index + first_column, rows)

    def merge(self, values: Tensor, index: Tensor, rows: slice) -> None:
        """Offer values (rows, m) with the columns they are from."""
        k = self.values.shape[1]
        values = torch.cat([self.values[rows], values], 1)
        index = torch.cat([self.index[rows], index], 1)
        self.values[rows], order = values.topk(k, dim=1)
        self.index[rows] = index.gather(1, order)

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"values": self.values, "index": self.index}


class RunningBest:
    """The largest value of every row, honest where there are several estimates of it.

    The winner of one estimate is too large by what its error gains from the choice; the winner's value in another
    estimate is too small by what the true value loses by it. Both are second order in the error, and of the same size:
    at a maximum, a perturbation lifts the perturbed peak as much as it moves off the true one. So the two are averaged,
    and the averages over the winners of all estimates. With one estimate this is the maximum.
    """

    def __init__(self, n_rows: int, n_estimates: int, device: str) -> None:
        """Start with none."""
        self._largest = torch.full((n_estimates, n_rows), -torch.inf, device=device)
        self._value = torch.full((n_estimates, n_rows), -torch.inf, device=device)

    def offer(self, estimates: Sequence[Tensor], rows: slice) -> None:
        """Offer the estimates (rows, columns) of a block."""
        for number, estimate in enumerate(estimates):
            largest, column = estimate.max(1)
            other = estimates[(number + 1) % len(estimates)]
            value = other.gather(1, column[:, None]).squeeze(1)
            is_better = largest > self._largest[number, rows]
            self._largest[number, rows] = torch.where(is_better, largest, self._largest[number, rows])
            self._value[number, rows] = torch.where(is_better, value, self._value[number, rows])

    @property
    def value(self) -> Tensor:
        """The largest value of every row, -inf where none was offered."""
        return (self._largest + self._value).mean(0) / 2

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"largest": self._largest, "value": self._value}
