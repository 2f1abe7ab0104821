"""The profile of one model: what its neurons respond to, and what that looks like, from one pass over the text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ingest.measure.classes import ClassSums, Present, Scheme, mutual_information
from ingest.measure.examples import Examples
from ingest.measure.histograms import Histograms
from ingest.names import GROUPS

TOP_EXAMPLES, RANDOM_ROWS = 50, 64

# A kind of class and how many positions before (or, if negative, after) the activation it is looked at.
Lagged = tuple[str, int]


@dataclass(frozen=True)
class Classified:
    """A batch with its positions' classes.

    Attributes:
        numbers: of the rows in the corpus, int64 (rows,).
        is_sampled: rows that random examples are taken from, bool (rows,).
        classes: by kind and lag.
        group: of documents.
    """

    numbers: Tensor
    is_sampled: Tensor
    classes: Mapping[Lagged, Present]
    group: int


class Profile:
    """Sums by class, histograms and examples of one model.

    Attributes:
        shift: what sums of post-activations are about, float32 (layers, width).
        sums: by kind of class and lag.
        histograms: per layer.
        top: rows with the largest activations, per layer.
        random: rows chosen at random, per layer.
        total: sums of the post-activations less their shift, float64 (layers, width).
        firing: rows in which a neuron fires, by place, int32 (layers, context, width).
        n_rows: read so far, int64 (1,).
    """

    def __init__(
        self,
        schemes: Mapping[Lagged, Scheme],
        *,
        post_shift: Tensor,
        pre_shift: Tensor,
        pre_scale: Tensor,
        n_layers: int,
        context: int,
        first_place: int,
    ) -> None:
        """Start at zero.

        Args:
            schemes: kinds of classes.
            post_shift: what sums of post-activations are about, float64 (neurons,).
            pre_shift: centre of the histograms, float64 (neurons,).
            pre_scale: their unit, float64 (neurons,).
            n_layers: of the model.
            context: positions per row.
            first_place: places before it give no examples (1 where rows begin with BOS).
        """
        device, width = str(post_shift.device), len(post_shift) // n_layers
        self.shift = post_shift.float().view(n_layers, width)
        self._context, self._first_place = context, first_place
        self.sums = {
            lagged: ClassSums(scheme, n_layers=n_layers, width=width, device=device)
            for lagged, scheme in schemes.items()
        }
        self._divisions = {lagged: scheme.division for lagged, scheme in schemes.items() if scheme.division}
        by_layer = zip(pre_shift.view(n_layers, width), pre_scale.view(n_layers, width), strict=True)
        self.histograms = [Histograms(shift, scale) for shift, scale in by_layer]
        self.top = [Examples(width, TOP_EXAMPLES, device) for _ in range(n_layers)]
        self.random = [Examples(width, RANDOM_ROWS, device) for _ in range(n_layers)]
        self.total = torch.zeros(n_layers, width, dtype=torch.float64, device=device)
        self.firing = torch.zeros(n_layers, context, width, dtype=torch.int32, device=device)
        self.n_rows = torch.zeros(1, dtype=torch.int64)

    def update(self, pre: Sequence[Tensor], post: Sequence[Tensor], batch: Classified) -> None:
        """Add a batch: pre and post of each layer, (tokens, width)."""
        half, has_sampled = _half(batch.group), bool(batch.is_sampled.any())
        self.n_rows += len(batch.numbers)
        for lagged, sums in self.sums.items():
            sums.count(batch.classes[lagged], half)
        for layer, (before, after) in enumerate(zip(pre, post, strict=True)):
            centred = after.float() - self.shift[layer]
            self.total[layer] += centred.sum(0).double()
            for lagged, sums in self.sums.items():
                sums.update(layer, centred, batch.classes[lagged], half)
            self.histograms[layer].update(before)
            for row in before.view(-1, self._context, before.shape[1]):
                self.firing[layer] += row > 0
            rows = after.view(-1, self._context, after.shape[1])
            self.top[layer].offer(rows, batch.numbers, self._first_place)
            if has_sampled:
                self.random[layer].offer(rows[batch.is_sampled], batch.numbers[batch.is_sampled], self._first_place)

    def between(self, lagged: Lagged) -> Tensor:
        """Sum of squares of the post-activation between classes, float64 (layers, width)."""
        return self.sums[lagged].between(self.total)

    def between_parts(self, lagged: Lagged) -> tuple[Tensor, int]:
        """Likewise where classes are parts of another kind's, and the number of parts that have positions."""
        division = self._divisions[lagged]
        owner = torch.from_numpy(division.owner).to(self.total.device)
        return self.sums[lagged].between_parts(self.sums[division.whole], owner, self.total)

    def place_information(self) -> Tensor:
        """Mutual information of firing and place, nats, float64 (layers, width)."""
        return torch.stack([mutual_information(layer, int(self.n_rows)) for layer in self.firing])

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        named = {"total": self.total, "firing": self.firing, "n_rows": self.n_rows}
        for (kind, lag), sums in self.sums.items():
            named |= {f"{kind}.{lag}.{name}": tensor for name, tensor in sums.tensors().items()}
        for layer, (histogram, top, random) in enumerate(zip(self.histograms, self.top, self.random, strict=True)):
            of_layer = {"histogram": histogram.tensors(), "top": top.tensors(), "random": random.tensors()}
            for name, tensors in of_layer.items():
                named |= {f"{name}.{layer}.{key}": tensor for key, tensor in tensors.items()}
        return named


def _half(group: int) -> int:
    """The half of the documents that a group is in."""
    return int(group >= GROUPS // 2)
