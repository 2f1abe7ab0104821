"""Edited passes over text: every batch runs clean once, and then under each edit from the layer that it begins at."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import polars as pl
import polars.selectors as cs
import torch
from torch import Tensor

from ingest.experiments.effects import Batch, Predictions, predictions, row_sums
from ingest.experiments.forward import Forward
from ingest.tables import EDIT_SUMS, EDITS

Frames = list[tuple[str, pl.DataFrame]]


class Work(Protocol):
    """What an experiment does with its text, part by part."""

    def opening(self) -> Frames:
        """Rows that are written before the first part."""
        ...

    def update(self, batch: Batch) -> None:
        """Measure a batch."""
        ...

    def flush(self, group: int) -> Frames:
        """Rows of the batches since the last time, which are of one group of documents."""
        ...


@runtime_checkable
class ClosingWork(Work, Protocol):
    """Work with an end, which needs what all parts have written.

    Attributes:
        reads: raw table whose rows of the run it needs.
    """

    reads: str

    def closing(self, rows: pl.DataFrame) -> Frames:
        """Rows that are written after the last part."""
        ...


@dataclass(frozen=True)
class Edit:
    """An edit of the forward pass.

    Attributes:
        kind: as in `raw.edits`.
        first: layer in front of which it changes nothing.
        on: puts it on, for as long as the context lasts.
        neuron_set: number of the set of neurons; None for layers.
        layer: None for neurons.
    """

    kind: str
    first: int
    on: Callable[[], AbstractContextManager[None]]
    neuron_set: int | None = None
    layer: int | None = None


class EditedPasses:
    """One model under a list of edits: rows of `raw.edits` and `raw.edit_sums`."""

    def __init__(self, forward: Forward, edits: Sequence[Edit]) -> None:
        """The edits are numbered from 1; 0 is the clean pass."""
        self._forward = forward
        self._edits = edits
        self._frames: list[pl.DataFrame] = []

    def opening(self) -> Frames:
        """Rows of `raw.edits`."""
        rows = [{"edit": 0, "kind": "none", "neuron_set": None, "layer": None}]
        rows += [
            {"edit": number, "kind": e.kind, "neuron_set": e.neuron_set, "layer": e.layer}
            for number, e in enumerate(self._edits, start=1)
        ]
        types = {"edit": pl.UInt32, "kind": pl.String, "neuron_set": pl.UInt32, "layer": pl.UInt16}
        return [(EDITS.name, pl.DataFrame(rows, schema=types).with_columns(model=pl.lit(self._forward.name)))]

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Run a batch clean and under every edit."""
        pass_ = self._forward.clean(batch.ids)
        clean = predictions(pass_.logits, batch)
        sums = [self._sums(batch, clean, clean)]
        for edit in self._edits:
            with edit.on():
                logits = self._forward.edited(pass_, edit.first)
            sums.append(self._sums(batch, clean, predictions(logits, batch, clean)))
        self._frames.append(self._rows(batch, sums))

    def _sums(self, batch: Batch, clean: Predictions, edited: Predictions) -> dict[str, Tensor]:
        sums = row_sums(batch, clean, edited)
        if batch.features is not None:
            sums["class_loss"] = batch.by_feature(edited.loss)
        return {name: values.cpu() for name, values in sums.items()}

    def _rows(self, batch: Batch, sums: list[dict[str, Tensor]]) -> pl.DataFrame:
        by_class = [of_edit.pop("class_loss") for of_edit in sums if "class_loss" in of_edit]
        frame = edit_rows(batch, sums).with_columns(cs.starts_with("n_").cast(pl.UInt16))
        if not by_class:
            return frame
        losses = torch.cat(by_class).numpy()
        counts = batch.by_feature(torch.ones_like(batch.targets)).cpu().numpy().astype(np.uint16)
        lists = {"class_loss": _lists(losses.astype(np.float32)), "class_n": _lists(np.tile(counts, (len(sums), 1)))}
        of_clean = pl.when(pl.col("edit") == 0).then("class_n")
        return frame.with_columns(**lists).with_columns(of_clean.alias("class_n"))

    def flush(self, _group: int) -> Frames:
        """Rows of `raw.edit_sums`."""
        frame = pl.concat(self._frames).with_columns(model=pl.lit(self._forward.name))
        self._frames = []
        return [(EDIT_SUMS.name, frame)]


def edit_rows(batch: Batch, sums: Sequence[Mapping[str, Tensor]]) -> pl.DataFrame:
    """A row per edit and token row.

    Args:
        batch: the token rows.
        sums: of every edit in the order of their numbers, named sums (rows,) on the CPU.
    """
    return pl.DataFrame(
        {
            "edit": np.repeat(np.arange(len(sums), dtype=np.uint32), len(batch.numbers)),
            "sequence": np.tile(batch.numbers.astype(np.uint32), len(sums)),
            "n": np.tile(batch.n_counted, len(sums)),
            **{name: torch.cat([of_edit[name] for of_edit in sums]).numpy() for name in sums[0]},
        }
    )


def _lists(values: np.ndarray) -> pl.Series:
    """The rows of a matrix as lists."""
    return pl.Series(values, dtype=pl.Array(pl.Series(values[:0, 0]).dtype, values.shape[1])).arr.to_list()
