"""Examples: the rows of text in which a neuron is largest, and rows chosen at random, with the activations around.

A row gives one example, the place of its largest activation: 50 rows tell more than 50 neighbouring places in one.
"""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 16
WINDOW = 2 * REACH + 1


class Examples:
    """Examples of all neurons of one layer.

    Attributes:
        values: largest activation of the row, float32 (width, k), largest first; -inf where there are fewer.
        rows: number of the row in the corpus, int64 (width, k).
        places: place in the row, int64 (width, k).
        windows: activations from 16 before the place to 16 after it, float32 (width, k, 33), NaN beyond the row.
    """

    def __init__(self, width: int, k: int, device: str) -> None:
        """Start with none."""
        self.values = torch.full((width, k), -torch.inf, device=device)
        self.rows = torch.zeros(width, k, dtype=torch.int64, device=device)
        self.places = torch.zeros(width, k, dtype=torch.int64, device=device)
        self.windows = torch.full((width, k, WINDOW), torch.nan, device=device)

    def offer(self, x: Tensor, numbers: Tensor, first_place: int) -> None:
        """Offer rows.

        Args:
            x: activations (rows, context, width).
            numbers: of the rows in the corpus, int64 (rows,).
            first_place: places before it are left out.
        """
        k = self.values.shape[1]
        peaks = x[:, first_place:].amax(1)
        units = (peaks > self.values[:, -1]).any(0).nonzero().squeeze(1)
        if not len(units):
            return
        both = torch.cat([self.values[units], peaks[:, units].T], 1)
        values, order = both.topk(k, dim=1)
        is_new = (order >= k) & (values > -torch.inf)
        old = order.clamp_max(k - 1)
        rows, places = self.rows[units].gather(1, old), self.places[units].gather(1, old)
        windows = self.windows[units].gather(1, old[:, :, None].expand(-1, -1, WINDOW))
        unit, slot = is_new.nonzero(as_tuple=True)
        row = order[unit, slot] - k
        line = x[row, :, units[unit]]
        place = line[:, first_place:].argmax(1) + first_place
        rows[unit, slot], places[unit, slot] = numbers[row], place
        windows[unit, slot] = _around(line, place)
        self.values[units], self.rows[units], self.places[units], self.windows[units] = values, rows, places, windows

    @property
    def n(self) -> int:
        """Examples that every neuron has."""
        return int((self.values[0] > -torch.inf).sum())

    def chosen(self, index: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Values, rows, places and windows of some examples."""
        return self.values[:, index], self.rows[:, index], self.places[:, index], self.windows[:, index]

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"values": self.values, "rows": self.rows, "places": self.places, "windows": self.windows}


def _around(lines: Tensor, places: Tensor) -> Tensor:
    """Activations (lines, context) around one place of each, (lines, 33), NaN beyond the ends."""
    padded = torch.nn.functional.pad(lines.float(), (REACH, REACH), value=torch.nan)
    return padded.gather(1, places[:, None] + torch.arange(WINDOW, device=lines.device))


def around_quantiles(n: int, quantiles: list[float], each: int) -> list[int]:
    """Places around quantiles of n examples, the largest first; `each` per quantile at most, none twice."""
    chosen: list[int] = []
    for quantile in quantiles:
        first = round((1 - quantile) * (n - 1)) - each // 2
        chosen += [k for k in range(first, first + each) if 0 <= k < n and k not in chosen]
    return chosen
