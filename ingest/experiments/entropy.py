"""Entropy neurons: single neurons fixed at values, and ablated with the final norm free and frozen.

Sweep: Gurnee et al. 2024, figure 7. Total and direct effect: Stolfo et al. 2024, section 3; token-frequency neurons
likewise, with the logits' component along the log frequency held in place of the norm's scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict, dataclass
from typing import Literal

import polars as pl
import torch
from torch import Tensor

from ingest.experiments import edits
from ingest.experiments.controls import Place, Population
from ingest.experiments.effects import Batch
from ingest.experiments.forward import Forward, activations_of
from ingest.experiments.passes import Frames, edit_rows
from ingest.experiments.responses import FinalNorm, Frequency, Responses, responses
from ingest.tables import ENTROPY_EDITS, ENTROPY_NEURONS, ENTROPY_SUMS

Frozen = Literal["norm", "frequency"] | None
_SUMS = ("loss", "entropy", "reciprocal_rank", "frequency_kl")


@dataclass(frozen=True)
class EntropyNeuron:
    """A neuron of the experiment.

    Attributes:
        place: (layer, neuron).
        control: asked, norm, random or frequency, as in `raw.entropy_neurons`.
        asked_neuron: of the same layer, that a norm control is nearest to; for others the neuron itself.
        w_out_norm: norm of its output weights.
    """

    place: Place
    control: str
    asked_neuron: int
    w_out_norm: float


@dataclass(frozen=True)
class Fixed:
    """An edit: one neuron's post-activation is one value everywhere.

    Attributes:
        layer: of the neuron.
        neuron: the neuron.
        kind: value, quantile or mean.
        value: the value.
        quantile: of the neuron's own activation; None for other kinds.
        frozen: what is held at the clean pass; None for nothing.
    """

    layer: int
    neuron: int
    kind: Literal["value", "quantile", "mean"]
    value: float
    quantile: float | None = None
    frozen: Frozen = None


class EntropyPasses:
    """One model: rows of `raw.entropy_neurons`, `raw.entropy_edits` and `raw.entropy_sums`."""

    def __init__(
        self,
        forward: Forward,
        neurons: Sequence[EntropyNeuron],
        population: Population,
        fixed: Sequence[Fixed],
        frequency: Frequency,
    ) -> None:
        """The edits are numbered from 1; 0 is the clean pass.

        Raises:
            InputError: if the network has no final norm.
        """
        self._forward, self._neurons, self._population = forward, neurons, population
        self._edits, self._frequency = fixed, frequency
        self._norm = FinalNorm(forward)
        self._frames: list[pl.DataFrame] = []

    def opening(self) -> Frames:
        """The neurons and the edits."""
        model = pl.lit(self._forward.name)
        neurons = [
            {
                "layer": n.place[0], "neuron": n.place[1], "control": n.control,
                "asked_neuron": n.asked_neuron,
                "mean": float(self._population.mean[n.place]), "w_out_norm": n.w_out_norm,
            }
            for n in self._neurons
        ]  # fmt: skip
        clean = {"kind": "none"}
        rows = [{"edit": k} | row for k, row in enumerate([clean, *(asdict(edit) for edit in self._edits)])]
        types = {
            "edit": pl.UInt32, "layer": pl.UInt16, "neuron": pl.UInt32, "kind": pl.String, "value": pl.Float64,
            "quantile": pl.Float64, "frozen": pl.String,
        }  # fmt: skip
        return [
            (ENTROPY_NEURONS.name, pl.DataFrame(neurons).with_columns(model=model)),
            (ENTROPY_EDITS.name, pl.DataFrame(rows, schema=types).with_columns(model=model)),
        ]

    @torch.no_grad()
    def update(self, batch: Batch) -> None:
        """Run a batch clean and under every edit."""
        pass_ = self._forward.clean(batch.ids)
        scale = self._norm.scale(pass_.stream[-1])
        clean = responses(pass_.logits, batch, self._frequency)
        sums = [_sums(batch, clean, clean, scale)]
        for edit in self._edits:
            with self._norm.watched() as scales, self._on(edit, scale):
                logits = self._forward.edited(pass_, edit.layer)
            hold = clean.along if edit.frozen == "frequency" else None
            sums.append(_sums(batch, clean, responses(logits, batch, self._frequency, hold), scales[-1]))
        self._frames.append(edit_rows(batch, sums))

    def _on(self, edit: Fixed, scale: Tensor) -> AbstractContextManager[object]:
        network, sites = self._forward.network, self._forward.sites
        stack = ExitStack()
        stack.enter_context(edits.fix(network, sites, {edit.layer: [edit.neuron]}, edit.value))
        if edit.frozen == "norm":
            stack.enter_context(edits.freeze_final_norm(network, sites, scale))
        return stack

    def flush(self, _group: int) -> Frames:
        """Rows of `raw.entropy_sums`."""
        frame = pl.concat(self._frames).with_columns(model=pl.lit(self._forward.name))
        self._frames = []
        return [(ENTROPY_SUMS.name, frame)]


def _sums(batch: Batch, clean: Responses, edited: Responses, scale: Tensor) -> dict[str, Tensor]:
    found = {name: batch.by_row(getattr(edited, name)) for name in _SUMS}
    found["absolute_loss"] = batch.by_row((edited.loss - clean.loss).abs())
    found["scale"] = batch.by_row(scale[..., 0][batch.counted])
    return {name: values.cpu() for name, values in found.items()}


def fixed_neurons(
    places: Sequence[Place], population: Population, values: Sequence[float], own: dict[Place, dict[float, float]]
) -> list[Fixed]:
    """The edits of some neurons: a sweep, and mean ablation with nothing, the norm and the frequency frozen.

    Args:
        places: the neurons.
        population: has their means.
        values: that each is fixed at.
        own: quantiles of each one's activation.
    """
    found: list[Fixed] = []
    held: tuple[Frozen, ...] = (None, "norm", "frequency")
    for layer, neuron in places:
        mean = float(population.mean[layer, neuron])
        found += [Fixed(layer, neuron, "value", value) for value in values]
        found += [Fixed(layer, neuron, "quantile", value, q) for q, value in own[layer, neuron].items()]
        found += [Fixed(layer, neuron, "mean", mean, frozen=frozen) for frozen in held]
    return found


@torch.no_grad()
def own_quantiles(
    forward: Forward, batches: Iterator[Batch], places: Sequence[Place], quantiles: Sequence[float]
) -> dict[Place, dict[float, float]]:
    """Quantiles of neurons' post-activations over the positions that count of some text."""
    seen: list[Tensor] = []
    for batch in batches:
        seen.append(activations_of(forward, batch.ids, places)[batch.counted].double().cpu())
    of = torch.cat(seen).quantile(torch.tensor(quantiles, dtype=torch.float64), dim=0)
    return {place: dict(zip(quantiles, of[:, k].tolist(), strict=True)) for k, place in enumerate(places)}
