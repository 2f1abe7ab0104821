"""What correlations need of each model besides the cross-moments, merged over parts in the order of the plan."""

from __future__ import annotations

import torch
from torch import Tensor

from ingest.measure.correlation import Standardised
from ingest.measure.moments import Moments, Pilot
from ingest.tables import STRATA

_TEXT = STRATA.index("text")


class TextTotals:
    """Shift, scale and totals over stratum text of one model's post-activations, (neurons,) float64 each."""

    def __init__(self, pilot: Pilot) -> None:
        """Start at zero, with the pilot's shifts and scale."""
        # Exact in float32, so that the standardised activations and the power sums are about the very same shift.
        self.pre_shift = pilot.pre_shift.float().double()
        self.post_shift = pilot.post_shift.float().double()
        self.scale = pilot.scale.float().double()
        self.n = torch.zeros((), dtype=torch.int64)
        self.total = torch.zeros_like(self.scale)
        self.squares = torch.zeros_like(self.scale)
        self.minimum = torch.full_like(self.scale, torch.inf)
        self.maximum = torch.full_like(self.scale, -torch.inf)

    def add(self, moments: Moments) -> None:
        """Add the sums of one part."""
        self.n += moments.n[_TEXT]
        self.total += moments.post.sums[0, _TEXT]
        self.squares += moments.post.sums[1, _TEXT]
        self.minimum = torch.minimum(self.minimum, moments.post.minimum[_TEXT])
        self.maximum = torch.maximum(self.maximum, moments.post.maximum[_TEXT])

    def standardise(self, post: Tensor) -> Tensor:
        """Standardised activations, float32, of post (tokens, neurons)."""
        return (post.float() - self.post_shift.float()) / self.scale.float()

    def finish(self) -> Standardised:
        """Mean and spread of the standardised activations."""
        n = int(self.n)
        return Standardised.from_sums(n, self.total, self.squares, self.minimum == self.maximum, self.scale)

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return dict(vars(self))

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor]) -> TextTotals:
        """The totals that `tensors` gave."""
        totals = cls.__new__(cls)
        vars(totals).update(tensors)
        return totals
