"""Histograms of pre-activations, with bins of each neuron's own width."""

from __future__ import annotations

import torch
from torch import Tensor

BINS = 128
# In standard deviations of the pilot: the lower end, and the width of a bin.
_LOWEST, _WIDTH = -8.0, 0.2


class Histograms:
    """Counts for all neurons of one layer.

    Attributes:
        counts: int64 (width, 2 + bins): below the first edge, the bins, from the last edge on.
        lowest: lower edge of the first bin, float64 (width,).
        step: width of a bin, float64 (width,).
    """

    def __init__(self, shift: Tensor, scale: Tensor) -> None:
        """Start at zero, with bins from 8 standard deviations below the pilot's mean to 17.6 above it."""
        self.lowest = (shift + _LOWEST * scale).float().double()
        self.step = (_WIDTH * scale).float().double()
        self.counts = torch.zeros(len(shift), BINS + 2, dtype=torch.int64, device=shift.device)
        first = torch.arange(len(shift), device=shift.device) * (BINS + 2)
        self._per_step = (1.0 / self.step).float()
        self._start = (1.0 - self.lowest * self._per_step.double()).float()
        self._first = first.int()

    def update(self, pre: Tensor) -> None:
        """Add pre-activations (tokens, width)."""
        place = torch.addcmul(self._start, pre.float(), self._per_step)
        # NaN, which is reported when the part ends, becomes a negative whole number.
        bins = place.clamp_(0, BINS + 1).int().clamp_min_(0)
        found = torch.bincount(bins.add_(self._first).flatten(), minlength=self.counts.numel())
        self.counts += found.view_as(self.counts)

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"counts": self.counts, "lowest": self.lowest, "step": self.step}
