"""What a run or a share of it computes, from its first pass to its last rows; it writes nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.measure.correlation import Tile
from ingest.names import GROUPS
from ingest.recipes.accumulators import Accumulators
from ingest.recipes.extending import is_one_round
from ingest.recipes.output_rows import output_rows, similarity_rows
from ingest.recipes.passes import FusedPass
from ingest.recipes.pilot import candidates_of
from ingest.recipes.planning import Planned
from ingest.recipes.profile_rows import Frames, corpus_rows, neuron_rows
from ingest.recipes.profiling import Profiling
from ingest.recipes.selections import Selections
from ingest.recipes.simulated_rows import simulated_rows
from ingest.recipes.standing import Standing
from ingest.recipes.subjects import Subject
from ingest.runs.plan import parts
from ingest.runs.shares import Share
from ingest.runs.state import State, StateFile
from ingest.tables import BESTS, MOMENTS

# After these groups of documents the selection is made once more, for the curve over the token budget.
_BUDGETS = (1, 2, 4, 8)
_HALF = 8

Say = Callable[[str], None]


@dataclass(frozen=True)
class Begun:
    """Where a computation goes on.

    Attributes:
        number: the pass.
        done: its parts that are done.
        own: state after them; None where nothing of this run was kept.
        parent: state of the run that this one extends; None where it extends none, or where own is there.
    """

    number: int = 0
    done: int = 0
    own: StateFile | None = None
    parent: StateFile | None = None


@dataclass(frozen=True)
class Done:
    """A part that is done: number of the pass, of the part, its group of documents, its rows, what is written."""

    number: int
    index: int
    group: int
    n_rows: int
    frames: list[tuple[str, pl.DataFrame]]
    is_last: bool


class Computation:
    """A run or a share of it with everything that it works with."""

    def __init__(
        self,
        planned: Planned,
        share: Share,
        subjects: dict[int, Subject],
        rows: TokenRows,
        vocabulary: Vocabulary,
        profiling: Profiling | None,
        say: Say,
        *,
        shows_bars: bool,
    ) -> None:
        """Put the models on the device.

        Args:
            planned: the run.
            share: of it that is computed here.
            subjects: by number, the models that the share reads.
            rows: the corpus.
            vocabulary: the models' tokenizer.
            profiling: classes and features of the corpus; None without profiles.
            say: called with lines for the user.
            shows_bars: whether progress is shown.
        """
        self._planned, self._share, self._subjects = planned, share, subjects
        self._plan, self._profiling, self._say, self._shows_bars = planned.plan, profiling, say, shows_bars
        read = np.asarray(rows.ids[: planned.plan.n_rows])
        self._counts = np.bincount(read.ravel(), minlength=vocabulary.size)
        self.parts = parts(planned.plan.rounds, rows.groups)
        plan, wanted = planned.plan, share.populations(planned.plan)
        twins = [p for p, population in enumerate(plan.populations) if population.is_twin]
        for number, p in enumerate(twins, start=len(plan.models)):
            if p in wanted:
                subjects = {**subjects, number: subjects[plan.populations[p].model].twin()}
        self._work = FusedPass(plan, subjects, rows, vocabulary, profiling, share)
        self._selections: Selections | None = None
        self._sums: Accumulators | None = None

    def close(self) -> None:
        """Take the hooks off the models."""
        self._work.close()

    def tensors(self) -> dict[str, torch.Tensor]:
        """Everything by name, for a state file after a part."""
        named = self._work.tensors()
        if self._sums is not None:
            named |= self._sums.tensors()
        if self._selections is not None:
            named |= {f"selections.{name}": t for name, t in self._selections.tensors().items()}
        return named

    def sum_up(self, groups: range) -> list[pl.DataFrame]:
        """Take the sums of some groups of documents, whose method has no exact sums of all products.

        Returns:
            Rows of `raw.moments` of all parts of these groups, without run.
        """
        self._work.start()
        if self._plan.method is not None:
            self._sums = self._sums_of([], None)
            self._choose_candidates(self._sums)
        frames = []
        for index, part in enumerate(self.parts):
            if part.group in groups:
                found = self._work.run_part(part, self._sums, lambda _n: None, with_moments=self._plan.moments)
                frames += [_of_part(found, index)] if found is not None else []
        return frames

    def join(self, state: State) -> None:
        """Take the sums of all groups of documents, which others have taken, and select from them."""
        self._work.load(state)
        self._selections = Selections(self._plan, self._work.shapes, self._work.units)
        self._sums = self._sums_of([], None)
        self._sums.load(state, is_partial=True)
        self._take(self._sums)

    def _sums_of(self, tiles: Sequence[Tile], standing: Standing | None) -> Accumulators:
        return Accumulators(self._plan, self._work.shapes, self._work.units, tiles, standing)

    def _choose_candidates(self, sums: Accumulators) -> None:
        """Where the run is refined, by exact correlations on a pilot."""
        assert self._plan.method is not None
        if self._plan.method.name == "refined":
            self._say("choosing candidates on the pilot")
            sums.candidates += candidates_of(self._planned, self._work)

    def run(self, begun: Begun) -> Iterator[Done]:
        """Run the parts that are not done yet, all passes."""
        state = begun.own or begun.parent
        if state is None or (begun.own is None and self._plan.inherited):
            self._work.start()
        if state is not None:
            self._work.load(state)
        if self._plan.method is not None:
            self._selections = Selections(self._plan, self._work.shapes, self._work.units)
        standing: Standing | None = None
        for number, tiles in enumerate(self._planned.passes):
            if number < begun.number:
                continue
            is_kept = begun.own is not None and number == begun.number
            if self._plan.method is not None:
                if is_kept and number > 0:
                    standing = Standing.empty(self._plan, self._work.shapes)  # loaded with the rest
                self._sums = None  # its tiles must be gone before the next ones are made
                self._sums = self._sums_of(tiles, standing)
                if state is not None:
                    self._sums.load(state, is_partial=begun.own is None)
                if is_kept and begun.own is not None and self._selections is not None:
                    self._selections.load(begun.own)
                # A state holds the candidates of its run's pairs.
                has_none = begun.parent is None or self._plan.inherited > 0
                if not is_kept and has_none:
                    self._choose_candidates(self._sums)
            yield from self._run_parts(number, begun.done if number == begun.number else 0)
            state = None
            if self._sums is not None:
                standing = self._sums.standing

    def _run_parts(self, number: int, done: int) -> Iterator[Done]:
        context = self._plan.context
        first = sum(len(part.rows) for part in self.parts[:done])
        name = "tokens" if self._plan.n_passes == 1 else f"pass {number + 1} of {self._plan.n_passes}"
        with tqdm(
            total=self._plan.n_rows * context,
            initial=first * context,
            unit="tok",
            unit_scale=True,
            desc=name,
            disable=not self._shows_bars,
        ) as bar:
            for index in range(done, len(self.parts)):
                part, sums = self.parts[index], self._sums
                moments = self._work.run_part(part, sums, bar.update, with_moments=self._plan.moments and number == 0)
                is_last = index == len(self.parts) - 1
                frames: list[tuple[str, pl.DataFrame]] = []
                if sums is not None:
                    sums.end_part(part.group, is_first_round=index < _n_first_round([p.group for p in self.parts]))
                    frames += self._budget(part.group + 1, sums)
                    if is_last:
                        self._take(sums)
                if moments is not None:
                    frames.append((MOMENTS.name, _of_part(moments, index)))
                yield Done(number, index, part.group, len(part.rows), frames, is_last)

    def _budget(self, groups: int, sums: Accumulators) -> Frames:
        """Selections over the first groups of documents, while the exact sums are just over those."""
        plan = self._plan
        if plan.method is None or plan.method.name != "exact" or not self._has_budgets() or groups not in _BUDGETS:
            return
        assert self._selections is not None
        is_half = groups == _HALF and plan.halves
        if is_half:
            sums.keep_half()
        yield from self._selections.partial(sums, slice(0, groups), plan.draws if is_half else 1)

    def _has_budgets(self) -> bool:
        # Over less of the text, a run that extends another has its new pairs only, whose mean is not the neuron's.
        is_simple = self._plan.n_passes == 1 and self._plan.parent is None and self._plan.simulation is None
        return is_simple and is_one_round([part.group for part in self.parts])

    def _take(self, sums: Accumulators) -> None:
        assert self._selections is not None
        self._say("selecting partners and rotating baselines")
        total = self._selections.n_tiles(sums)
        with tqdm(total=total, desc="selections", unit="tile", disable=not self._shows_bars) as bar:
            self._selections.take(sums, bar.update)

    @property
    def n_candidates(self) -> tuple[int, int]:
        """As of its accumulators; nothing unless the run is refined."""
        return self._sums.n_candidates if self._sums is not None else (0, 0)

    def pair_rows(self) -> list[tuple[str, pl.DataFrame]]:
        """Rows of pairs, when the last part is done."""
        sums, plan = self._sums, self._plan
        if sums is None or self._selections is None or plan.method is None:
            return []
        if plan.simulation is not None:
            return list(simulated_rows(plan, self._work.units, self._work.simulated, self._selections, sums))
        frames = list(self._selections.frames(sums))
        if self._has_budgets():
            if plan.method.name != "exact":
                for groups in _BUDGETS:
                    draws = plan.draws if groups == _HALF and plan.halves else 1
                    frames += self._selections.partial(sums, slice(0, groups), draws)
            if plan.halves:
                sums.leave_second_half()
                frames += self._selections.partial(sums, slice(_HALF, GROUPS), plan.draws)
        bests = [frame for name, frame in frames if name == BESTS.name]
        if bests:
            neurons = pl.concat(bests).filter(pl.col("site") == "mlp")
            writings = {s.model.name: s.writing for s in self._subjects.values()}
            frames += similarity_rows(neurons, writings, self._counts)
        return frames

    def profile_rows(self, *, with_corpus: bool) -> Frames:
        """Rows of profiles, and those about the corpus, which all models have alike."""
        profiling, profiles = self._profiling, self._work.profiles
        if profiling is None or not profiles:
            return
        if with_corpus:
            yield from corpus_rows(profiling, next(iter(profiles.values())))
        for index, profile in profiles.items():
            subject = self._subjects[index]
            yield from neuron_rows(subject.model.name, profile, profiling)
            yield from output_rows(subject.model.name, subject.writing, self._counts, profiling.by_id.holds)

    def example_rows(self) -> NDArray[np.int64]:
        """Numbers of the corpus's rows that examples are from, ascending, each once."""
        profiles = self._work.profiles.values()
        used = [e.rows[e.values > -torch.inf] for p in profiles for e in (*p.top, *p.random)]
        return np.unique(torch.cat(used).cpu().numpy()) if used else np.zeros(0, np.int64)


def _of_part(moments: pl.DataFrame, index: int) -> pl.DataFrame:
    return moments.with_columns(pl.lit(index).alias("part"))


def _n_first_round(groups: list[int]) -> int:
    """Parts of the first round: until the groups begin anew."""
    return next((k for k in range(1, len(groups)) if groups[k] <= groups[k - 1]), len(groups))
