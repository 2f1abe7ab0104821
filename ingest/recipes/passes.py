"""The fused pass: every model runs once per batch, and its activations feed every accumulator."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import TEXT, Vocabulary, strata
from ingest.errors import RunFailed
from ingest.measure.correlation import CrossMoments
from ingest.measure.moments import Moments, Pilot, PowerSums
from ingest.measure.text_totals import TextTotals
from ingest.recipes.subjects import Subject
from ingest.runs.plan import Plan
from ingest.runs.state import StateFile
from ingest.subject.sites import Activations, Reader
from ingest.tables import STRATA


class FusedPass:
    """The models of a run with their accumulators."""

    def __init__(self, plan: Plan, subjects: list[Subject], rows: TokenRows, vocabulary: Vocabulary) -> None:
        """Put the models on the plan's device."""
        self._plan = plan
        self._subjects = subjects
        self._rows = rows
        self._vocabulary = vocabulary
        self._hooks = ExitStack()
        self._readers: list[Reader] = []
        for subject in subjects:
            network = subject.network.to(device=plan.device, dtype=getattr(torch, plan.dtype))
            self._readers.append(self._hooks.enter_context(Reader(network, subject.sites).hooked()))
        self.totals: list[TextTotals] = []
        shapes = [(s.sites.n_layers, s.sites.d_mlp) for s in subjects]
        self.cross = CrossMoments(plan.pairs, shapes, plan.device) if plan.pairs else None

    def close(self) -> None:
        """Take the hooks off."""
        self._hooks.close()

    def start(self) -> None:
        """Take shifts and scales from the pilot rows."""
        for index, subject in enumerate(self._subjects):
            pre, post = [], []
            for start in range(0, self._plan.pilot_rows, self._plan.batch_rows):
                ids, stratum = self._batch(start, min(start + self._plan.batch_rows, self._plan.pilot_rows))
                activations = self._readers[index].read(ids)
                chosen = stratum == TEXT
                pre.append(activations.pre[chosen])
                post.append(activations.post[chosen])
            pilot = Pilot(torch.cat(pre), torch.cat(post), n_layers=subject.sites.n_layers)
            self.totals.append(TextTotals(pilot))

    def resume(self, state: StateFile) -> None:
        """Go on from a state file."""
        for index in range(len(self._subjects)):
            prefix = f"totals.{index}."
            mine = {
                name.removeprefix(prefix): self._placed(state.tensor(name))
                for name in state.names()
                if name.startswith(prefix)
            }
            self.totals.append(TextTotals.from_tensors(mine))
        if self.cross is not None:
            for name, sums in self.cross.tensors().items():
                sums.copy_(state.tensor(name))

    def _placed(self, tensor: Tensor) -> Tensor:
        """On the device; counts stay on the CPU."""
        return tensor.to(self._plan.device) if tensor.ndim else tensor

    def state(self) -> dict[str, Tensor]:
        """Everything that later parts and the selections need."""
        named = {
            f"totals.{i}.{name}": t for i, totals in enumerate(self.totals) for name, t in totals.tensors().items()
        }
        return named | (self.cross.tensors() if self.cross is not None else {})

    def run_part(self, first: int, last: int, advance: Callable[[int], None]) -> pl.DataFrame:
        """Run rows [first, last) through every model.

        Args:
            first: first row of the part.
            last: row after its last one.
            advance: called with the number of tokens after each batch.

        Returns:
            The part's rows of `raw.moments`, without run and part.

        Raises:
            RunFailed: if an activation is not finite.
        """
        moments = [Moments(t.pre_shift, t.post_shift) for t in self.totals]
        for start in range(first, last, self._plan.batch_rows):
            ids, stratum = self._batch(start, min(start + self._plan.batch_rows, last))
            chosen = (stratum == TEXT).nonzero().squeeze(1)
            standardised = []
            for reader, sums, totals in zip(self._readers, moments, self.totals, strict=True):
                activations: Activations = reader.read(ids)
                sums.update(activations.pre, activations.post, stratum)
                if self.cross is not None:
                    standardised.append(totals.standardise(activations.post[chosen]))
            if self.cross is not None:
                self.cross.update(standardised)
            advance(ids.numel())
        for totals, sums in zip(self.totals, moments, strict=True):
            totals.add(sums)
        return pl.concat([_moment_rows(s, m) for s, m in zip(self._subjects, moments, strict=True)])

    def _batch(self, start: int, end: int) -> tuple[Tensor, Tensor]:
        """Token ids (rows, context) and the stratum of each position (rows * context,), on the device."""
        ids = np.asarray(self._rows.ids[start:end])
        stratum = strata(ids, self._vocabulary).ravel()
        device = self._plan.device
        return torch.from_numpy(ids.astype(np.int64)).to(device), torch.from_numpy(stratum).to(device)


def _moment_rows(subject: Subject, moments: Moments) -> pl.DataFrame:
    n_layers, d_mlp = subject.sites.n_layers, subject.sites.d_mlp
    frames = []
    for index, stratum in enumerate(STRATA):
        if not moments.n[index]:
            continue
        columns = {
            "model": pl.repeat(subject.model.name, n_layers * d_mlp, eager=True),
            "layer": np.repeat(np.arange(n_layers, dtype=np.uint16), d_mlp),
            "neuron": np.tile(np.arange(d_mlp, dtype=np.uint32), n_layers),
            "stratum": pl.repeat(stratum, n_layers * d_mlp, eager=True),
            "n": pl.repeat(int(moments.n[index]), n_layers * d_mlp, eager=True),
            "n_positive": moments.n_positive[index].long().cpu().numpy(),
        }
        for prefix, sums in (("pre", moments.pre), ("post", moments.post)):
            columns |= _power_columns(prefix, sums, index)
        frames.append(pl.DataFrame(columns))
    rows = pl.concat(frames)
    broken = rows.filter(~pl.all_horizontal(pl.col(pl.Float64).is_finite()))
    if len(broken):
        layer, neuron = broken["layer"][0], broken["neuron"][0]
        raise RunFailed(f"model {subject.model.name}: neuron L{layer}.N{neuron} has an activation that is not finite")
    return rows


def _power_columns(prefix: str, sums: PowerSums, index: int) -> dict[str, np.ndarray]:
    columns = {f"{prefix}_shift": sums.shift}
    columns |= {f"{prefix}_sum_{k + 1}": sums.sums[k, index] for k in range(4)}
    columns |= {f"{prefix}_min": sums.minimum[index], f"{prefix}_max": sums.maximum[index]}
    return {name: values.cpu().numpy() for name, values in columns.items()}
