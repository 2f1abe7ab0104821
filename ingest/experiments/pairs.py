"""Causal universality: do the same tokens suffer when matched neurons of two models are ablated, one by one?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import torch
from torch import Tensor

from ingest.experiments.ablation import ablated
from ingest.experiments.controls import NeuronSet, Place, Population
from ingest.experiments.effects import Batch, next_token_loss
from ingest.experiments.forward import Forward
from ingest.experiments.passes import Frames
from ingest.study_experiments import Mode
from ingest.tables import PAIR_SUMS

_SUMS = ("sum_x", "sum_y", "sum_xx", "sum_yy", "sum_xy")


@dataclass(frozen=True)
class NeuronPair:
    """A neuron of one of two models, and one of the other.

    Attributes:
        model: index of the first one's model, 0 or 1.
        neuron: (layer, neuron).
        other: of the other model.
        control: matched: the best partner; random: a random neuron of its layer.
    """

    model: int
    neuron: Place
    other: Place
    control: str


class PairChanges:
    """Two models: rows of `raw.pair_sums`."""

    def __init__(
        self,
        forwards: tuple[Forward, Forward],
        populations: tuple[Population, Population],
        pairs: Sequence[NeuronPair],
        modes: Sequence[Mode],
    ) -> None:
        """Every neuron that some pair has is ablated once per batch and mode."""
        self._forwards, self._populations = forwards, populations
        self._pairs, self._modes = pairs, modes
        found: tuple[set[Place], set[Place]] = (set(), set())
        for pair in pairs:
            found[pair.model].add(pair.neuron)
            found[1 - pair.model].add(pair.other)
        self._places = [sorted(places) for places in found]
        index = {(side, place): k for k, (side, place) in enumerate((s, p) for s in (0, 1) for p in self._places[s])}
        self._x = torch.tensor([index[p.model, p.neuron] for p in pairs])
        self._y = torch.tensor([index[1 - p.model, p.other] for p in pairs])
        self._start()

    def _start(self) -> None:
        self._n = 0
        self._sums = torch.zeros(len(self._modes), len(self._pairs), len(_SUMS), dtype=torch.float64)

    def opening(self) -> Frames:
        """Nothing."""
        return []

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Ablate every neuron alone."""
        for k, mode in enumerate(self._modes):
            changes = torch.cat([self._changes(side, batch, mode) for side in (0, 1)])
            x, y = changes[self._x], changes[self._y]
            sums = [values.sum(1) for values in (x, y, x * x, y * y, x * y)]
            self._sums[k] += torch.stack(sums, 1).cpu()
        self._n += int(batch.counted.sum())

    def _changes(self, side: int, batch: Batch, mode: Mode) -> Tensor:
        """Change of the loss by each neuron of a model, float64 (neurons, positions)."""
        forward = self._forwards[side]
        pass_ = forward.clean(batch.ids)
        clean = next_token_loss(pass_.logits, batch)
        changes = []
        for layer, neuron in self._places[side]:
            alone = NeuronSet("asked", 0, layer, {layer: (neuron,)})
            with ablated(forward, alone, self._populations[side], mode):
                logits = forward.edited(pass_, layer)
            changes.append(next_token_loss(logits, batch) - clean)
        return torch.stack(changes)

    def flush(self, group: int) -> Frames:
        """One row per pair and mode."""
        names = [forward.name for forward in self._forwards]
        base = pl.DataFrame(
            [
                {
                    "model": names[p.model], "layer": p.neuron[0], "neuron": p.neuron[1],
                    "other_model": names[1 - p.model], "other_layer": p.other[0], "other_neuron": p.other[1],
                    "control": p.control,
                }
                for p in self._pairs
            ]
        )  # fmt: skip
        also = {"doc_group": pl.lit(group, pl.UInt16), "n": pl.lit(self._n, pl.UInt64)}
        frames = [
            base.with_columns(kind=pl.lit(mode), **also).with_columns(
                **{name: pl.Series(self._sums[k, :, column].numpy()) for column, name in enumerate(_SUMS)}
            )
            for k, mode in enumerate(self._modes)
        ]
        self._start()
        return [(PAIR_SUMS.name, pl.concat(frames))]
