"""Selections as rows of raw tables, without the run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ingest.measure.correlation import Shape
from ingest.measure.extremes import RunningTop
from ingest.measure.selection import Directed
from ingest.names import BaselineKind, Side, Site
from ingest.tables import BASELINES, BESTS, PARTIAL_BESTS, PARTNERS

_SITE, _SIDE, _KIND = (pl.Enum(get_args(names)) for names in (Site, Side, BaselineKind))


@dataclass(frozen=True)
class Direction:
    """Whose units, among whose.

    Attributes:
        site: of both populations.
        model: name of the model.
        other_model: name of the partner model.
        shape: of the model's population.
        other: of the partner's population.
        names: all models of the run.
    """

    site: str
    model: str
    other_model: str
    shape: Shape
    other: Shape
    names: pl.Enum

    def base(self, units: Tensor, repeats: int = 1) -> dict[str, object]:
        """Key columns of some units, each repeated."""
        flat = units.cpu().numpy().repeat(repeats)
        return {
            "site": pl.repeat(self.site, len(flat), dtype=_SITE, eager=True),
            "model": pl.repeat(self.model, len(flat), dtype=self.names, eager=True),
            "layer": (flat // self.shape.width).astype(np.uint16),
            "neuron": (flat % self.shape.width).astype(np.uint32),
            "other_model": pl.repeat(self.other_model, len(flat), dtype=self.names, eager=True),
        }

    def place(self, index: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Layer and unit of the partner's units."""
        flat = index.flatten().cpu().numpy()
        return (flat // self.other.width).astype(np.uint16), (flat % self.other.width).astype(np.uint32)


def _corr(values: Tensor) -> np.ndarray:
    return values.flatten().clamp(-1.0, 1.0).cpu().numpy().astype(np.float32)


def partner_rows(direction: Direction, selected: Directed, alive: Tensor) -> Iterator[tuple[str, pl.DataFrame]]:
    """The top and the bottom partners of the units in `alive` (their numbers)."""
    for side, sign, ranked in (("top", 1.0, selected.top), ("bottom", -1.0, selected.bottom)):
        k = ranked.values.shape[1]
        other_layer, other_unit = direction.place(ranked.index[alive])
        frame = pl.DataFrame(
            direction.base(alive, k)
            | {
                "side": pl.repeat(side, len(alive) * k, dtype=_SIDE, eager=True),
                "rank": np.tile(np.arange(1, k + 1, dtype=np.uint16), len(alive)),
                "other_layer": other_layer,
                "other_neuron": other_unit,
                "corr": _corr(sign * ranked.values[alive]),
            }
        )
        offered = (ranked.values[alive] > -torch.inf).flatten().cpu().numpy()
        yield PARTNERS.name, frame.filter(pl.Series(offered))


def best_rows(
    direction: Direction,
    selected: Directed,
    alive: Tensor,
    influence: Tensor,
    blocks: Tensor,
) -> tuple[str, pl.DataFrame]:
    """Best partner and anti-partner of the units in `alive`.

    Args:
        direction: whose.
        selected: their selections.
        alive: numbers of the units.
        influence: of each group on each unit's best correlation, NaN where unknown, (units, groups).
        blocks: blocks of the jackknife, (units,).
    """
    other_layer, other_unit = direction.place(selected.winner[alive])
    min_layer, min_unit = direction.place(selected.bottom.index[alive, :1])
    known = torch.isfinite(influence[alive]).all(1).cpu().numpy()
    values = influence[alive].cpu().numpy().astype(np.float32)
    frame = pl.DataFrame(
        direction.base(alive)
        | {
            "other_layer": other_layer,
            "other_neuron": other_unit,
            "max_corr": _corr(selected.largest[alive]),
            "min_layer": min_layer,
            "min_neuron": min_unit,
            "min_corr": _corr(-selected.worst.value[alive]),
            "influence": pl.Series(values, dtype=pl.Array(pl.Float32, values.shape[1])),
            "n_groups": blocks[alive].cpu().numpy().astype(np.uint16),
            "known": known,
        }
    )
    unknown = pl.when(pl.col("known"))
    return BESTS.name, frame.with_columns(
        unknown.then("influence").alias("influence"), unknown.then("n_groups").alias("n_groups")
    ).drop("known")


def baseline_rows(
    direction: Direction, kind: str, draw: int, largest: Tensor, alive: Tensor
) -> tuple[str, pl.DataFrame]:
    """Largest correlations (units,) with a partner that cannot know the units."""
    return BASELINES.name, pl.DataFrame(
        direction.base(alive)
        | {
            "kind": pl.repeat(kind, len(alive), dtype=_KIND, eager=True),
            "draw": np.full(len(alive), draw, np.uint16),
            "max_corr": _corr(largest[alive]),
        }
    )


def partial_rows(
    direction: Direction, selected: Directed, alive: Tensor, groups: slice, n: int
) -> tuple[str, pl.DataFrame]:
    """Best correlation and rotation baseline over some groups of documents, n positions."""
    baseline = torch.stack([best.value.clamp(-1.0, 1.0) for best in selected.baselines]).mean(0)
    return PARTIAL_BESTS.name, pl.DataFrame(
        direction.base(alive)
        | {
            "first_group": np.full(len(alive), groups.start, np.uint16),
            "last_group": np.full(len(alive), groups.stop, np.uint16),
            "n_positions": np.full(len(alive), n, np.uint64),
            "max_corr": _corr(selected.largest[alive]),
            "baseline": _corr(baseline[alive]),
        }
    )


def with_exact(top: RunningTop, i: Tensor, j: Tensor, corr: Tensor, n_columns: int) -> None:
    """Replace sketched correlations by exact ones, where there are any, and put them in their order.

    Args:
        top: sketched ones.
        i: rows of the exact ones.
        j: their columns.
        corr: their values.
        n_columns: columns in all.
    """
    n_rows, k = top.values.shape
    keys = torch.arange(n_rows, device=i.device)[:, None] * n_columns + top.index
    top.values[torch.isin(keys, i * n_columns + j)] = -torch.inf
    order = torch.argsort(corr, descending=True, stable=True)
    order = order[torch.argsort(i[order], stable=True)]
    row = i[order]
    first = torch.searchsorted(row, torch.arange(n_rows, device=i.device))
    rank = torch.arange(len(row), device=i.device) - first[row]
    kept = rank < k
    values = torch.full((n_rows, k), -torch.inf, device=i.device)
    index = torch.zeros((n_rows, k), dtype=torch.int64, device=i.device)
    values[row[kept], rank[kept]] = corr[order][kept].float()
    index[row[kept], rank[kept]] = j[order][kept]
    top.merge(values, index, slice(0, n_rows))
