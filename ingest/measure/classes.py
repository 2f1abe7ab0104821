"""Sums of activations by class of position: what features explain, without a product per position and feature.

Every position has one class (its token id, the id before it, its place in the row, its document's subset, ...), and a
feature is a set of classes. Sums are taken by class and multiplied by the table of features afterwards, which is far
smaller. From a feature's sum follows the variance it explains: within-class sums of squares are the total less the sum
between classes. Where there are too many classes for that, the rare ones' few positions are multiplied with their
features one by one.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

HALVES = 2


@dataclass(frozen=True)
class Present:
    """The classes of a batch's positions.

    Attributes:
        classes: those that occur, ascending, int64 (present,).
        counts: positions of each, int64 (present,).
        adds: which positions have which class, sparse (present, tokens).
        n_kept: how many of them, at the front, have sums of their own.
        holds: which of them have which features, sparse (features, present); None without features.
    """

    classes: Tensor
    counts: Tensor
    adds: Tensor
    n_kept: int
    holds: Tensor | None


@dataclass(frozen=True)
class Division:
    """How the kept classes of one kind are parts of another kind's.

    Attributes:
        whole: the other kind, and its lag.
        owner: which class of it each kept class is a part of, int64 (kept,).
    """

    whole: tuple[str, int]
    owner: NDArray[np.int64]


class Scheme:
    """One kind of class: which classes have which features, and how many keep sums of their own.

    Attributes:
        holds: bool (classes, features).
        kept: classes at the front with sums of their own.
        division: where the kept classes are parts of another kind's.
    """

    def __init__(self, holds: NDArray[np.bool_], kept: int, division: Division | None = None) -> None:
        """Take the table of features."""
        self.holds, self.kept, self.division = holds, kept, division
        self._features = [np.flatnonzero(row) for row in holds]
        self._counts = np.array([len(found) for found in self._features])

    def present(self, classes: NDArray[np.integer], device: str) -> Present:
        """What a batch has to be summed by, from the class of every position (tokens,)."""
        found, counts = np.unique(classes, return_counts=True)
        return Present(
            torch.from_numpy(found.astype(np.int64)).to(device),
            torch.from_numpy(counts).to(device),
            _ones(counts, np.argsort(classes, kind="stable"), len(classes), device),
            int((found < self.kept).sum()),
            self._table(found, device) if self.holds.shape[1] else None,
        )

    def _table(self, found: NDArray[np.integer], device: str) -> Tensor:
        columns = np.repeat(np.arange(len(found)), self._counts[found])
        features = np.concatenate([self._features[number] for number in found])
        order = np.argsort(features, kind="stable")
        counts = np.bincount(features, minlength=self.holds.shape[1])
        return _ones(counts, columns[order], len(found), device)


def _ones(counts: NDArray[np.integer], columns: NDArray[np.integer], width: int, device: str) -> Tensor:
    """A sparse matrix of ones, (rows, width): how many of them each row has, and in which columns, row by row."""
    starts = np.concatenate([[0], np.cumsum(counts)])
    with warnings.catch_warnings():
        # torch calls its sparse rows a beta; products with them are what is used here, and tested.
        warnings.simplefilter("ignore", UserWarning)
        return torch.sparse_csr_tensor(
            torch.from_numpy(starts), torch.from_numpy(columns), torch.ones(len(columns)), (len(counts), width)
        ).to(device)


class ClassSums:
    """Sums of a - shift for one kind of class.

    Attributes:
        features: by feature, float64 (halves, layers, features, width).
        kept: by class, for the first classes, float64 (layers, kept, width).
        counts: positions of each kept class, and of all others, int64 (halves, kept + 1).
        n_true: positions by feature, int64 (halves, features).
    """

    def __init__(self, scheme: Scheme, *, n_layers: int, width: int, device: str) -> None:
        """Start at zero.

        Args:
            scheme: its classes and features.
            n_layers: of the model.
            width: neurons per layer.
            device: of the activations.
        """
        n_features = scheme.holds.shape[1]
        self.features = torch.zeros(HALVES, n_layers, n_features, width, dtype=torch.float64, device=device)
        self.kept = torch.zeros(n_layers, scheme.kept, width, dtype=torch.float64, device=device)
        self.counts = torch.zeros(HALVES, scheme.kept + 1, dtype=torch.int64, device=device)
        self.n_true = torch.zeros(HALVES, n_features, dtype=torch.int64, device=device)

    def update(self, layer: int, centred: Tensor, present: Present, half: int) -> None:
        """Add positions of one layer.

        Args:
            layer: number of the layer.
            centred: activations less their shift, (tokens, width).
            present: classes of the positions.
            half: of the documents.
        """
        sums = present.adds @ centred
        if present.holds is not None:
            self.features[half, layer] += present.holds @ sums
        if n := present.n_kept:
            self.kept[layer].index_add_(0, present.classes[:n], sums[:n].double())

    def count(self, present: Present, half: int) -> None:
        """Count positions, once for all layers."""
        n = present.counts
        self.counts[half].index_add_(0, present.classes.clamp(max=self.counts.shape[1] - 1), n)
        if present.holds is not None:
            self.n_true[half] += (present.holds @ n[:, None].float()).squeeze(1).long()

    def between(self, total: Tensor) -> Tensor:
        """Sum of squares between the kept classes, and one class of all others; float64 (layers, width).

        With classes that are not kept it is a lower bound of the sum between all classes.

        Args:
            total: sums of a - shift over all positions, (layers, width).
        """
        n = self.counts.sum(0)
        own, rest = n[:-1, None].double(), float(n[-1])
        by_class = torch.stack([(layer**2 / own.clamp_min(1.0)).sum(0) for layer in self.kept])
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
        n, own = whole.counts.sum(0), self.counts.sum(0)[:-1]
        left = n.index_add(0, owner, -own)
        is_left = left > 0
        between = torch.empty_like(total)
        for layer, sums in enumerate(self.kept):
            wholes = torch.cat([whole.kept[layer], (total[layer] - whole.kept[layer].sum(0))[None]])
            rest = wholes.index_add(0, owner, -sums)[is_left]
            between[layer] = (sums**2 / own[:, None].clamp_min(1)).sum(0) + (rest**2 / left[is_left, None]).sum(0)
        parts = int((own > 0).sum() + is_left.sum())
        return (between - total**2 / float(n.sum())).clamp_min(0.0), parts

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {"features": self.features, "kept": self.kept, "counts": self.counts, "n_true": self.n_true}


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
