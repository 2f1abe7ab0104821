"""Sums of activations by class of position: what features explain, without a product per position and feature.

Every position has one class (its token id, the id before it, its place in the row, its document's subset, ...), and a
feature is a set of classes. Sums are taken by class and multiplied by the table of features afterwards, which is far
smaller. From a feature's sum follows the variance it explains: within-class sums of squares are the total less the sum
between classes. Where there are too many classes for that, the rare ones' few positions are multiplied with their
features one by one.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HALVES = 2


class ClassSums:
    """Sums of a - shift for one kind of class.

    Attributes:
        features: by feature, float64 (halves, layers, features, width).
        kept: by class, for the first classes, float64 (layers, kept, width).
        counts: positions by class, the rare ones as one class at the end, int64 (halves, classes).
        rare_true: positions of rare classes by feature, int64 (halves, features).
    """

    def __init__(
        self,
        holds: NDArray[np.bool_],
        *,
        n_layers: int,
        width: int,
        device: str,
        kept: int | None = None,
        front: int | None = None,
    ) -> None:
        """Start at zero.

        Args:
            holds: which classes have which features, (classes, features).
            n_layers: of the model.
            width: neurons per layer.
            device: of the activations.
            kept: classes at the front whose own sums are kept; None for all that are summed by class.
            front: classes at the front that are summed by class; the others are rare. None for all.
        """
        n_features = holds.shape[1]
        front = len(holds) if front is None else min(front, len(holds))
        kept = front if kept is None else min(kept, front)
        n_classes = front + (front < len(holds))
        self._buffer = torch.zeros(n_layers, n_classes, width, device=device)
        self._holds = holds[:front]
        self._holds_of_rare = torch.from_numpy(holds[front:]).to(device)
        self._table = _sparse(np.pad(self._holds, [(0, n_classes - front), (0, 0)]), device)
        self.features = torch.zeros(HALVES, n_layers, n_features, width, dtype=torch.float64, device=device)
        self.kept = torch.zeros(n_layers, kept, width, dtype=torch.float64, device=device)
        self.counts = torch.zeros(HALVES, n_classes, dtype=torch.int64, device=device)
        self.rare_true = torch.zeros(HALVES, n_features, dtype=torch.int64, device=device)

    def start(self, classes: Tensor, half: int) -> None:
        """Take the positions of a batch, once for all layers.

        Args:
            classes: of the positions, int64 (tokens,).
            half: of the documents, to which the batch belongs.
        """
        n_front, n_rare = len(self._holds), self._holds_of_rare.numel()
        self._half, self._classes = half, classes.clamp(max=self.counts.shape[1] - 1)
        self.counts[half] += torch.bincount(self._classes, minlength=self.counts.shape[1])
        self._rare = (classes >= n_front).nonzero().flatten() if n_rare else classes[:0]
        self._features_of_rare = self._holds_of_rare[classes[self._rare] - n_front].float()
        self.rare_true[half] += self._features_of_rare.sum(0).long()

    def update(self, layer: int, centred: Tensor) -> None:
        """Add one layer of the batch: activations less their shift, (tokens, width)."""
        self._buffer[layer].index_add_(0, self._classes, centred)
        if len(self._rare):
            self.features[self._half, layer] += self._features_of_rare.T @ centred[self._rare]

    def flush(self, half: int) -> None:
        """Book what was added since the last time to a half of the documents; float32 sums stay short."""
        for layer, sums in enumerate(self._buffer):
            self.kept[layer] += sums[: self.kept.shape[1]]
            if self._table is not None:
                self.features[half, layer] += self._table @ sums
        self._buffer.zero_()

    def n_true(self, half: int) -> NDArray[np.int64]:
        """Positions with each feature, (features,)."""
        by_class = self.counts[half, : len(self._holds)].cpu().numpy() @ self._holds
        return np.asarray(by_class + self.rare_true[half].cpu().numpy())

    def between(self, total: Tensor) -> Tensor:
        """Sum of squares between the kept classes, and one class of all others; float64 (layers, width).

        With classes that are not kept it is a lower bound of the sum between all classes.

        Args:
            total: sums of a - shift over all positions, (layers, width).
        """
        n = self._n_kept_and_others()
        own, rest = n[:-1, None].double(), float(n[-1])
        by_class = (self.kept**2 / own.clamp_min(1.0)).sum(1)
        others = (total - self.kept.sum(1)) ** 2 / max(rest, 1.0) if rest else 0.0
        return (by_class + others - total**2 / float(n.sum())).clamp_min(0.0)

    def between_parts(self, whole: ClassSums, owner: Tensor, total: Tensor) -> tuple[Tensor, int]:
        """Sum of squares between classes that are parts of another kind's.

        Each of the other kind's kept classes, and its class of all others, consists of the kept classes here that it
        owns and of what they leave of it.

        Args:
            whole: sums of the other kind over the same positions.
            owner: which class of it each kept class here is a part of, int64 (kept,).
            total: sums of a - shift over all positions, (layers, width).

        Returns:
            float64 (layers, width), and the number of parts that have positions.
        """
        n = whole._n_kept_and_others()
        own = self._n_kept_and_others()[:-1]
        left = n.index_add(0, owner, -own)
        is_left = left > 0
        between = torch.empty_like(total)
        for layer, sums in enumerate(self.kept):
            wholes = torch.cat([whole.kept[layer], (total[layer] - whole.kept[layer].sum(0))[None]])
            rest = wholes.index_add(0, owner, -sums)[is_left]
            between[layer] = (sums**2 / own[:, None].clamp_min(1)).sum(0) + (rest**2 / left[is_left, None]).sum(0)
        parts = int((own > 0).sum() + is_left.sum())
        return (between - total**2 / float(n.sum())).clamp_min(0.0), parts

    def _n_kept_and_others(self) -> Tensor:
        """Positions of each kept class, and of all others, int64 (kept + 1,)."""
        n, kept = self.counts.sum(0), self.kept.shape[1]
        return torch.cat([n[:kept], n[kept:].sum()[None]])

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file; after a flush."""
        return {"features": self.features, "kept": self.kept, "counts": self.counts, "rare_true": self.rare_true}


def _sparse(holds: NDArray[np.bool_], device: str) -> Tensor | None:
    """The table as a sparse matrix (features, classes); None without features."""
    if not holds.shape[1]:
        return None
    table = torch.from_numpy(np.ascontiguousarray(holds.T)).float()
    with warnings.catch_warnings():
        # torch calls its sparse rows a beta; products with them are what is used here, and tested.
        warnings.simplefilter("ignore", UserWarning)
        return table.to_sparse_csr().to(device)


def mutual_information(firing: Tensor, n_rows: int) -> Tensor:
    """Mutual information of firing and place in nats, places being equally frequent.

    The mean over places of f_p ln(f_p / f) + (1 - f_p) ln((1 - f_p) / (1 - f)) (Gurnee et al. 2024, appendix on
    position neurons), with f_p the share of rows in which the neuron fires at p.

    Args:
        firing: rows in which it fires, int64 (..., context, width).
        n_rows: rows in all.
    """
    at = firing.double() / n_rows
    everywhere = at.mean(-2, keepdim=True)
    parts = torch.special.xlogy(at, at / everywhere) + torch.special.xlogy(1 - at, (1 - at) / (1 - everywhere))
    information: Tensor = parts.nan_to_num(0.0).mean(-2)
    return information
