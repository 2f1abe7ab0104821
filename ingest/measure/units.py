"""Standardised activations of one model at one site, and their first two power sums per group of documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ingest.names import GROUPS

# A unit whose variance is rounding next to its distance from the shift does not vary.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Standardised:
    """Mean and spread of standardised activations.

    Attributes:
        n: positions.
        mean: float64 (units,).
        sd: float64 (units,), 1 for dead units.
        is_dead: units without variance, which take part in no correlation.
        scale: one unit of z in the activation's own units.
    """

    n: int
    mean: Tensor
    sd: Tensor
    is_dead: Tensor
    scale: Tensor


@dataclass(frozen=True)
class Place:
    """Where sums of a unit are taken about: shift and scale, float64 (units,) each, exact in float32."""

    shift: Tensor
    scale: Tensor


class Pilot:
    """Mean and standard deviation of each unit on the first positions, which come batch by batch.

    Results do not depend on them beyond rounding.
    """

    def __init__(self) -> None:
        """Start with no positions."""
        self._n = 0
        self._mean: list[Tensor] = []
        self._squares: list[Tensor] = []

    def add(self, layers: Sequence[Tensor]) -> None:
        """Add activations over stratum text of each layer, (tokens, width)."""
        n = len(layers[0])
        if not n:
            return
        found = [torch.var_mean(values.double(), 0, correction=0) for values in layers]
        if not self._n:
            self._mean, self._squares = [mean for _, mean in found], [n * variance for variance, _ in found]
        else:
            part = n / (self._n + n)
            for layer, (variance, mean) in enumerate(found):
                apart = mean - self._mean[layer]
                self._mean[layer] += part * apart
                self._squares[layer] += n * variance + self._n * part * apart**2
        self._n += n

    def place(self) -> Place:
        """Shifts and scales for the sums over all positions."""
        scales = []
        for squares in self._squares:
            spread = (squares / self._n).sqrt()
            # A unit that is silent here may speak later: a tiny scale would make its values huge.
            floor = 1e-3 * float(spread.median())
            scales.append(spread.clamp_min(floor if floor > 0 else 1.0))
        return Place(torch.cat(self._mean).float().double(), torch.cat(scales).float().double())


class UnitSums:
    """Counts, sums and sums of squares of z = (a - shift) / scale over stratum text, per group of documents.

    Attributes:
        n: positions, int64 (groups,), on the CPU.
        total: sums of z, float64 (groups, units).
        squares: sums of z^2, float64 (groups, units).
    """

    def __init__(self, place: Place, *, width: int, operand: torch.dtype) -> None:
        """Start at zero.

        Args:
            place: shift and scale.
            width: units per layer.
            operand: number format of z.
        """
        self.place = place
        self.width = width
        self._operand = operand
        self._shift = place.shift.float()
        self._per_scale = 1.0 / place.scale.float()
        self.n = torch.zeros(GROUPS, dtype=torch.int64)
        self.total = torch.zeros(GROUPS, len(place.shift), dtype=torch.float64, device=place.shift.device)
        self.squares = torch.zeros_like(self.total)

    def standardise(self, layers: Sequence[Tensor], text: Tensor) -> list[Tensor]:
        """z of each layer, (kept tokens, width).

        Args:
            layers: activations of each layer, (tokens, width).
            text: indices of the positions of stratum text.
        """
        z = []
        for layer, values in enumerate(layers):
            units = self._units(layer)
            kept = values.index_select(0, text).float()
            z.append(kept.sub_(self._shift[units]).mul_(self._per_scale[units]).to(self._operand))
        return z

    def add(self, z: Sequence[Tensor], group: int) -> None:
        """Add positions of one group of documents."""
        self.n[group] += len(z[0])
        for layer, values in enumerate(z):
            exact = values.float()
            self.total[group, self._units(layer)] += exact.sum(0).double()
            self.squares[group, self._units(layer)] += (exact * exact).sum(0).double()

    def _units(self, layer: int) -> slice:
        return slice(layer * self.width, (layer + 1) * self.width)

    def finish(self, groups: slice = slice(None)) -> Standardised:
        """Mean and spread over some groups of documents."""
        n = int(self.n[groups].sum())
        mean = self.total[groups].sum(0) / max(n, 1)
        variance = self.squares[groups].sum(0) / max(n, 1) - mean**2
        is_dead = variance <= _ROUNDING * mean**2
        return Standardised(n, mean, torch.where(is_dead, 1.0, variance).sqrt(), is_dead, self.place.scale)

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {
            "shift": self.place.shift,
            "scale": self.place.scale,
            "n": self.n,
            "total": self.total,
            "squares": self.squares,
        }
