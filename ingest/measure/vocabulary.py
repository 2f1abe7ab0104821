"""What weights do to each token of the vocabulary: moments, histograms, the most extreme tokens.

All of it follows from one product of the neurons' directions with the tokens' vectors, which costs more than everything
done with it: so it is taken once, some neurons at a time.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ingest.measure.outputs import unit

# A few rows of a vocabulary fit in the cache: all at once take ten times as long.
_NEURONS_AT_ONCE, _ROWS_AT_ONCE = 256, 16
# Histograms: standard deviations on either side of the mean.
_REACH = 4.0


@dataclass(frozen=True)
class Histograms:
    """Bins from four standard deviations below each neuron's mean to four above it.

    Attributes:
        lowest: lower edge of the first bin, float64 (neurons,).
        step: width of a bin, float64 (neurons,).
        counts: int64 (neurons, 2 + bins): below the first edge, the bins, from the last edge on.
    """

    lowest: Tensor
    step: Tensor
    counts: Tensor

    def times(self, factors: Tensor) -> Histograms:
        """Of values that are each neuron's factor as large."""
        return Histograms(self.lowest * factors, self.step * factors, self.counts)


@dataclass(frozen=True)
class CosineEffects:
    """cos(token, direction) over the vocabulary.

    Attributes:
        sums: of the first four powers, float64 (4, neurons); 0 for a zero direction, and from zero tokens.
        histograms: over the tokens.
    """

    sums: Tensor
    histograms: Histograms


@dataclass(frozen=True)
class LogitEffects:
    """token . direction over the vocabulary.

    Attributes:
        cosines: the same without the lengths of direction and tokens.
        histograms: over the tokens.
        raised: ids of the tokens with the largest products, the most extreme first, (neurons, k).
        rises: those products.
        lowered: ids of the tokens with the smallest products.
        falls: those products.
    """

    cosines: CosineEffects
    histograms: Histograms
    raised: Tensor
    rises: Tensor
    lowered: Tensor
    falls: Tensor


def power_sums(directions: Tensor, tokens: Tensor) -> Tensor:
    """Sums of the first four powers of cos(token, direction), float64 (4, neurons), as in `CosineEffects`.

    Args:
        directions: (neurons, d_model).
        tokens: one vector per token, (d_vocab, d_model).
    """
    columns = unit(tokens).T.contiguous()
    return torch.cat([_power_sums(some @ columns) for some in unit(directions).split(_NEURONS_AT_ONCE)], dim=1)


def cosine_effects(directions: Tensor, tokens: Tensor, bins: int) -> CosineEffects:
    """Moments and histograms of cos(token, direction), for (neurons, d_model) and (d_vocab, d_model)."""
    columns, found = unit(tokens).T.contiguous(), []
    for some in unit(directions).split(_NEURONS_AT_ONCE):
        values = some @ columns
        found.append((_power_sums(values), _histograms(values, bins)))
    return CosineEffects(torch.cat([sums for sums, _ in found], dim=1), _joined([each for _, each in found]))


def logit_effects(directions: Tensor, tokens: Tensor, k: int, bins: int) -> LogitEffects:
    """Everything about token . direction.

    Args:
        directions: one per neuron, (neurons, d_model).
        tokens: one vector per token, (d_vocab, d_model).
        k: tokens at either end; all if there are fewer.
        bins: of the histograms.
    """
    lengths, norms = tokens.float().norm(dim=1), directions.double().norm(dim=1)
    inverse = torch.where(lengths > 0.0, 1.0 / lengths, 0.0)
    columns, k = tokens.float().T.contiguous(), min(k, len(tokens))
    sums, of_cosines, of_products, ends = [], [], [], []
    for some in unit(directions).split(_NEURONS_AT_ONCE):
        values = some @ columns
        ends.append((*values.topk(k, dim=1), *values.topk(k, dim=1, largest=False)))
        of_products.append(_histograms(values, bins))
        values *= inverse
        sums.append(_power_sums(values))
        of_cosines.append(_histograms(values, bins))
    rises, raised, falls, lowered = (torch.cat(parts) for parts in zip(*ends, strict=True))
    scale = norms.float()[:, None]
    return LogitEffects(
        CosineEffects(torch.cat(sums, dim=1), _joined(of_cosines)),
        _joined(of_products).times(norms),
        raised,
        rises * scale,
        lowered,
        falls * scale,
    )


def _power_sums(values: Tensor) -> Tensor:
    """Sums of the first four powers of each row, float64 (4, rows)."""
    sums = []
    for some in values.split(_ROWS_AT_ONCE):
        squares = some * some
        powers = (some, squares, some * squares, squares * squares)
        sums.append(torch.stack([power.sum(1, dtype=torch.float64) for power in powers]))
    return torch.cat(sums, dim=1)


def _histograms(values: Tensor, bins: int) -> Histograms:
    """Histogram of each row."""
    found = []
    for some in values.split(_ROWS_AT_ONCE):
        sd, mean = torch.std_mean(some, dim=1, correction=0)
        low, step = mean - _REACH * sd, (2 * _REACH / bins) * sd.clamp_min(1e-30)
        place = ((some - low[:, None]) / step[:, None] + 1).clamp_(0, bins + 1).int()
        place += (bins + 2) * torch.arange(len(some), dtype=torch.int32)[:, None]
        counts = torch.bincount(place.flatten(), minlength=len(some) * (bins + 2)).view(len(some), bins + 2)
        found.append(Histograms(low.double(), step.double(), counts))
    return _joined(found)


def _joined(parts: list[Histograms]) -> Histograms:
    return Histograms(
        torch.cat([part.lowest for part in parts]),
        torch.cat([part.step for part in parts]),
        torch.cat([part.counts for part in parts]),
    )
