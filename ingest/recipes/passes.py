"""The fused pass: every model runs once per batch, and its activations feed every accumulator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import TEXT, Vocabulary, strata
from ingest.errors import RunFailed
from ingest.measure.correlation import Shape
from ingest.measure.moments import Moments
from ingest.measure.profile import Profile
from ingest.measure.simulation import SimulatedSeed
from ingest.measure.sketch import bucket_and_sign
from ingest.measure.units import Pilot, Place, UnitSums
from ingest.recipes.accumulators import Accumulators, Hashed
from ingest.recipes.moment_rows import moment_rows
from ingest.recipes.profiling import Profiling
from ingest.recipes.subjects import Subject
from ingest.runs.plan import Part, Plan
from ingest.runs.shares import Share, whole
from ingest.runs.state import State
from ingest.subject.sites import Activations, Reader

_LARGEST_HALF = 6e4
_T = TypeVar("_T")


@dataclass(frozen=True)
class Batch:
    """Token rows on the device: ids (rows, context), stratum (positions,), indices of the text positions."""

    ids: Tensor
    stratum: Tensor
    text: Tensor
    numbers: NDArray[np.int64]


class FusedPass:
    """The models of a run, reading text; its accumulators are handed to it pass by pass.

    Attributes:
        shapes: of all populations; those that the share does not read have no layers.
        units: sums of standardised activations of all populations.
        simulated: by population, the seeds that are simulated.
        profiles: by model, of those that are measured; none without features.
    """

    def __init__(
        self,
        plan: Plan,
        subjects: Mapping[int, Subject],
        rows: TokenRows,
        vocabulary: Vocabulary,
        profiling: Profiling | None = None,
        share: Share | None = None,
    ) -> None:
        """Put the models on the plan's device.

        Args:
            plan: of the run.
            subjects: by number, models and then twins in the plan's order; those that the share reads.
            rows: the corpus.
            vocabulary: the models' tokenizer.
            profiling: classes and features of the corpus; None without profiles.
            share: of the run that is computed here; all that is new in it by default.
        """
        self._plan = plan
        self._profiling = profiling
        self.profiles: dict[int, Profile] = {}
        share = share or whole(plan)
        self._measured = share.models
        read = share.populations(plan)
        self._subjects = subjects
        self._rows = rows
        self._vocabulary = vocabulary
        self._readers: dict[int, Reader] = {}
        sites = list(dict.fromkeys(["mlp", *(p.site for p in plan.populations)]))
        with ExitStack() as hooks:  # off again, should the device's memory run out
            for index, subject in subjects.items():
                network = subject.network.to(device=plan.device, dtype=getattr(torch, plan.dtype))
                pre = index in self._measured
                reader = Reader(network, subject.sites, sites, pre=pre)  # type: ignore[arg-type]
                self._readers[index] = hooks.enter_context(reader.hooked())
            self._hooks = hooks.pop_all()
        self.shapes = [Shape(p.n_layers if k in read else 0, p.width) for k, p in enumerate(plan.populations)]
        self.units: list[UnitSums] = []
        self.simulated: dict[int, SimulatedSeed] = {}
        self._post_shift: dict[int, Tensor] = {}
        self._pre_shift: dict[int, Tensor] = {}
        self._pre_scale: dict[int, Tensor] = {}

    def close(self) -> None:
        """Take the hooks off."""
        self._hooks.close()

    def _populations(self, subject: int) -> list[int]:
        """Populations that are read from a subject."""
        return [p for p, shape in enumerate(self.shapes) if shape.n_layers and self.subject_of(p) == subject]

    def subject_of(self, population: int) -> int:
        """The subject that a population is read from: its model's, or a twin's."""
        twins = [p for p, each in enumerate(self._plan.populations) if each.is_twin]
        if population in twins:
            return len(self._plan.models) + twins.index(population)
        return self._plan.populations[population].model

    def start(self) -> None:
        """Take shifts and scales from the first rows."""
        operand = getattr(torch, self._plan.operand)
        places = {p: self._nowhere() for p, shape in enumerate(self.shapes) if not shape.n_layers}
        for index in self._subjects:
            pre, pilots = Pilot(), defaultdict[str, Pilot](Pilot)
            for batch in self._batches(np.arange(self._plan.place_rows)):
                activations = self._readers[index].read(batch.ids)
                if activations.pre:
                    pre.add([values[batch.text] for values in activations.pre])
                for site, layers in activations.at.items():
                    pilots[site].add([values[batch.text] for values in layers])
            at = {site: pilot.place() for site, pilot in pilots.items()}
            for population in self._populations(index):
                if self._plan.simulated_from(population) is None:
                    places[population] = at[self._plan.populations[population].site]
            if index in self._measured:
                place = pre.place()
                self._pre_shift[index], self._pre_scale[index] = place.shift, place.scale
                self._post_shift[index] = at["mlp"].shift.clone()
        self._simulate(places)
        for index in self._subjects:
            for population in self._populations(index):
                if population in self.simulated:
                    places[population] = self._place_of_simulated(index, population)
        self.units = [UnitSums(places[p], width=shape.width, operand=operand) for p, shape in enumerate(self.shapes)]
        self._start_profiles()

    def _nowhere(self) -> Place:
        none = torch.zeros(0, dtype=torch.float64, device=self._plan.device)
        return Place(none, none)

    def _simulate(self, places: dict[int, Place]) -> None:
        """Make the simulated seeds, whose noise is in proportion to the scales of what they are made from."""
        how = self._plan.simulation
        for population, shape in enumerate(self.shapes):
            own = self._plan.simulated_from(population)
            if own is not None and how is not None and shape.n_layers:
                self.simulated[population] = SimulatedSeed(
                    strength=how.strength,
                    noise=how.noise,
                    seed=how.seed,
                    model=own,
                    shape=shape,
                    scale=places[own].scale,
                )

    def _place_of_simulated(self, index: int, population: int) -> Place:
        pilot = Pilot()
        for batch in self._batches(np.arange(self._plan.place_rows)):
            layers = self._layers(population, self._readers[index].read(batch.ids), batch)
            pilot.add([values[batch.text] for values in layers])
        return pilot.place()

    def _layers(self, population: int, activations: Activations, batch: Batch) -> list[Tensor]:
        """Activations of a population, (tokens, width) per layer, from those of the subject that it is read from."""
        layers = activations.at[self._plan.populations[population].site]  # type: ignore[index]
        seed = self.simulated.get(population)
        return layers if seed is None else seed.activations(layers, int(batch.numbers[0]))

    def _start_profiles(self) -> None:
        if self._profiling is None:
            return
        self.profiles = {
            index: Profile(
                self._profiling.schemes,
                post_shift=self._post_shift[index],
                pre_shift=self._pre_shift[index],
                pre_scale=self._pre_scale[index],
                n_layers=self._subjects[index].sites.n_layers,
                context=self._plan.context,
                first_place=self._profiling.first_place,
            )
            for index in self._measured
        }

    def tensors(self) -> dict[str, Tensor]:
        """Shifts and sums of all populations by name, for a state file."""
        named = {f"units.{p}.{name}": t for p, units in enumerate(self.units) for name, t in units.tensors().items()}
        for key, values in self._shifts():
            named |= {f"shift.{index}.{key}": tensor for index, tensor in values.items()}
        for index, profile in self.profiles.items():
            named |= {f"profile.{index}.{name}": tensor for name, tensor in profile.tensors().items()}
        return named

    def _shifts(self) -> Iterator[tuple[str, dict[int, Tensor]]]:
        yield from (("pre", self._pre_shift), ("scale", self._pre_scale), ("post", self._post_shift))

    def load(self, state: State) -> None:
        """Take the shifts and sums that a state has; those that it lacks stay as they are."""
        operand = getattr(torch, self._plan.operand)
        names = set(state.names())
        for p, shape in enumerate(self.shapes):
            if f"units.{p}.shift" in names:
                place = Place(*(state.tensor(f"units.{p}.{key}").to(self._plan.device) for key in ("shift", "scale")))
                units = UnitSums(place, width=shape.width, operand=operand)
                for name, tensor in units.tensors().items():
                    tensor.copy_(state.tensor(f"units.{p}.{name}"))
                self._set(self.units, p, units)
            elif p == len(self.units):  # of a share that does not read it
                self.units.append(UnitSums(self._nowhere(), width=shape.width, operand=operand))
        self._simulate({p: units.place for p, units in enumerate(self.units)})
        for key, values in self._shifts():
            for index in self._measured:
                if f"shift.{index}.{key}" in names:
                    values[index] = state.tensor(f"shift.{index}.{key}").to(self._plan.device)
        self._start_profiles()
        for index, profile in self.profiles.items():
            for name, tensor in profile.tensors().items():
                if f"profile.{index}.{name}" in names:
                    tensor.copy_(state.tensor(f"profile.{index}.{name}"))

    @staticmethod
    def _set(values: list[_T], index: int, value: _T) -> None:
        values[index : index + 1] = [value]

    def run_part(
        self, part: Part, sums: Accumulators | None, advance: Callable[[int], None], *, with_moments: bool
    ) -> pl.DataFrame | None:
        """Run the rows of a part through every model that is needed.

        Args:
            part: rows of one group of documents.
            sums: what correlations add up; None without correlations.
            advance: called with the number of tokens after each batch.
            with_moments: whether moments are taken.

        Returns:
            The part's rows of `raw.moments`, without run and part; None without moments.

        Raises:
            RunFailed: if an activation is not finite, or too large for half precision.
        """
        wanted = sums.wants if sums is not None else set()
        measured = self._measured if with_moments else ()
        moments = {index: Moments(self._pre_shift[index], self._post_shift[index]) for index in measured}
        for batch in self._batches(part.rows):
            classified = None
            if self._profiling is not None and with_moments:
                classified = self._profiling.classified(batch.numbers, part.group, self._plan.device)
            z: dict[int, list[Tensor]] = {}
            for index, reader in self._readers.items():
                mine = [p for p in self._populations(index) if p in wanted]
                if not mine and index not in moments:
                    continue
                activations: Activations = reader.read(batch.ids)
                if index in moments:
                    moments[index].update(activations.pre, activations.at["mlp"], batch.stratum)
                    if classified is not None:
                        self.profiles[index].update(activations.pre, activations.at["mlp"], classified)
                for p in mine:
                    z[p] = self.units[p].standardise(self._layers(p, activations, batch), batch.text)
            if sums is not None:
                self._refuse_overflow(z)
                sums.update(z, self._hashed(batch, part.group) if sums.is_sketching else None, part.group)
            advance(batch.ids.numel())
        self._refuse_not_finite()
        frames = [moment_rows(self._subjects[index], each) for index, each in moments.items()]
        return pl.concat(frames) if frames else None

    def standardised(self, rows: NDArray[np.int64], wanted: set[int]) -> Iterator[dict[int, list[Tensor]]]:
        """z of wanted populations, batch by batch, without adding anything up."""
        for batch in self._batches(rows):
            z = {}
            for index, reader in self._readers.items():
                mine = [p for p in self._populations(index) if p in wanted]
                activations = reader.read(batch.ids) if mine else Activations([], {})
                for p in mine:
                    z[p] = self.units[p].standardise(self._layers(p, activations, batch), batch.text)
            yield z

    def _hashed(self, batch: Batch, group: int) -> Hashed:
        method, starts = self._plan.method, self._plan.bucket_starts
        assert method is not None
        assert method.sketch_seed is not None
        slot, sign = bucket_and_sign(
            batch.numbers.tolist(),
            context=self._plan.context,
            buckets=starts[group + 1] - starts[group],
            seed=method.sketch_seed,
        )
        random = np.random.Generator(np.random.Philox(key=[self._plan.baseline_seed, int(batch.numbers[0])]))
        tokens = len(batch.text)
        least = max(1, tokens // 4)
        shift = int(random.integers(least, max(least + 1, tokens - least)))
        device = self._plan.device
        return Hashed(slot.to(device)[:, batch.text], sign.to(device)[:, batch.text], shift)

    def _refuse_overflow(self, z: dict[int, list[Tensor]]) -> None:
        if self._plan.operand != "float16":
            return
        for p, layers in z.items():
            for layer, values in enumerate(layers):
                largest, neuron = values.abs().amax(0).max(0)
                if not float(largest) <= _LARGEST_HALF:
                    model = self._plan.models[self._plan.populations[p].model].name
                    raise RunFailed(
                        f"model {model}: neuron L{layer}.N{int(neuron)} reaches {float(largest):.3g} of its pilot's "
                        'standard deviations, too many for half precision: set [device] name = "cpu"'
                    )

    def _refuse_not_finite(self) -> None:
        for p, units in enumerate(self.units):
            broken = (~torch.isfinite(units.squares).all(0)).nonzero().flatten()
            if len(broken):
                planned = self._plan.populations[p]
                layer, unit = divmod(int(broken[0]), planned.width)
                model, what = self._plan.models[planned.model].name, "neuron" if planned.site == "mlp" else planned.site
                raise RunFailed(f"model {model}: {what} L{layer}.N{unit} has an activation that is not finite")

    def _batches(self, rows: NDArray[np.int64]) -> Iterator[Batch]:
        device = self._plan.device
        for start in range(0, len(rows), self._plan.batch_rows):
            numbers = rows[start : start + self._plan.batch_rows]
            ids = np.asarray(self._rows.ids[numbers])
            stratum = strata(ids, self._vocabulary).ravel()
            text = torch.from_numpy(np.flatnonzero(stratum == TEXT))
            yield Batch(
                torch.from_numpy(ids.astype(np.int64)).to(device),
                torch.from_numpy(stratum).to(device),
                text.to(device),
                numbers,
            )
