"""Examples: the rows of text in which a neuron is largest, and rows chosen at random, with the activations around.

A row gives one example, the place of its largest activation: 50 rows tell more than 50 neighbouring places in one.
"""

from __future__ import annotations

import torch
from torch import Tensor

REACH = 16
WINDOW = 2 * REACH + 1
# Places among which the largest is looked for one by one, once it is known to be there: a row's places lie far apart
# in memory.
_BLOCK = 32


class Examples:
    """Examples of all neurons of one layer, each in a slot of its own.

    Attributes:
        values: largest activation of the row, float32 (width, k), in no order; -inf where there are fewer.
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
        blocks = torch.stack([block.amax(1) for block in x[:, first_place:].split(_BLOCK, dim=1)])
        peaks = blocks.amax(0).T.float()
        units = (peaks > self.values.amin(1, keepdim=True)).any(1).nonzero().squeeze(1)
        if not len(units):
            return
        both = torch.cat([self.values[units], peaks[units]], 1)
        stays = torch.zeros_like(both, dtype=torch.bool).scatter_(1, both.topk(k, dim=1).indices, value=True)
        # As many leave as come, so both lists name the same units in the same order.
        unit, row = stays[:, k:].nonzero(as_tuple=True)
        slot = stays[:, :k].logical_not().nonzero()[:, 1]
        value, neuron = both[unit, k + row], units[unit]
        start = first_place + _BLOCK * blocks[:, row, neuron].argmax(0)
        place = _within(x, row, neuron, start)
        self.values[neuron, slot], self.rows[neuron, slot], self.places[neuron, slot] = value, numbers[row], place
        self.windows[neuron, slot] = _around(x, row, neuron, place)

    @property
    def n(self) -> int:
        """Examples that every neuron has."""
        return int((self.values[0] > -torch.inf).sum())

    def chosen(self, index: list[int]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Values, rows, places and windows of some examples: index 0 is the largest, of equal ones the first row's."""
        by_row = self.rows.argsort(1)
        order = by_row.gather(1, self.values.gather(1, by_row).argsort(dim=1, descending=True, stable=True))[:, index]
        values, rows, places = (each.gather(1, order) for each in (self.values, self.rows, self.places))
        return values, rows, places, self.windows.gather(1, order[:, :, None].expand(-1, -1, WINDOW))

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"values": self.values, "rows": self.rows, "places": self.places, "windows": self.windows}


def _within(x: Tensor, row: Tensor, neuron: Tensor, start: Tensor) -> Tensor:
    """Places of the largest activations in the blocks that begin at `start`."""
    places = start[:, None] + torch.arange(_BLOCK, device=x.device)
    places = places.clamp_max(x.shape[1] - 1)
    largest = x[row[:, None], places, neuron[:, None]].argmax(1, keepdim=True)
    return places.gather(1, largest).squeeze(1)


def _around(x: Tensor, row: Tensor, neuron: Tensor, place: Tensor) -> Tensor:
    """Activations around some places, float32 (places, 33), NaN beyond the row."""
    places = place[:, None] + torch.arange(-REACH, REACH + 1, device=x.device)
    inside = places.clamp(0, x.shape[1] - 1)
    values = x[row[:, None], inside, neuron[:, None]].float()
    return values.masked_fill_(places != inside, torch.nan)


def around_quantiles(n: int, quantiles: list[float], each: int) -> list[int]:
    """Places around quantiles of n examples, the largest first; `each` per quantile at most, none twice."""
    chosen: list[int] = []
    for quantile in quantiles:
        first = round((1 - quantile) * (n - 1)) - each // 2
        chosen += [k for k in range(first, first + each) if 0 <= k < n and k not in chosen]
    return chosen
