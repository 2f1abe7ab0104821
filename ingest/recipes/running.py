"""One run from its first pass, or from where it was stopped, to its last row."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from itertools import chain

import numpy as np
import polars as pl
import torch
from tqdm import tqdm

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.measure.candidates import Candidates
from ingest.names import GROUPS
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.accumulators import Accumulators
from ingest.recipes.extending import Extension, inherited_closing, inherited_rows, is_one_round
from ingest.recipes.opening import now, of_run
from ingest.recipes.output_rows import output_rows, similarity_rows
from ingest.recipes.passes import FusedPass
from ingest.recipes.pilot import candidates_of
from ingest.recipes.planning import Planned
from ingest.recipes.profile_rows import Frames, corpus_rows, neuron_rows, sequence_rows
from ingest.recipes.profiling import Profiling
from ingest.recipes.selections import Selections
from ingest.recipes.simulated_rows import simulated_rows
from ingest.recipes.standing import Standing
from ingest.recipes.subjects import Subject
from ingest.runs.plan import Part, parts
from ingest.runs.state import StateFile, StateFolder
from ingest.tables import BESTS, MOMENTS, PARTS, PROFILES, SELECTIONS

# After these groups of documents the selection is made once more, for the curve over the token budget.
_BUDGETS = (1, 2, 4, 8)
_HALF = 8
# State is saved when the work since the last time took this many times as long as saving does.
_SAVE_AFTER = 20.0

_STATE_COLUMNS = {"state_file": pl.String, "state_hash": pl.String}

Say = Callable[[str], None]


class Run:
    """A run with everything that it works with."""

    def __init__(
        self,
        planned: Planned,
        subjects: list[Subject],
        rows: TokenRows,
        vocabulary: Vocabulary,
        raw: RawWarehouse,
        state: StateFolder,
        say: Say,
        profiling: Profiling | None,
        extension: Extension | None,
    ) -> None:
        """Take what `measure` in measuring.py has made ready; `extension` is the run that this one goes on from."""
        self._rows, self._profiling = rows, profiling
        self._extension = extension
        self._planned = planned
        self._plan = planned.plan
        self._raw = raw
        self._state = state
        self._say = say
        self._subjects = subjects
        read = np.asarray(rows.ids[: planned.plan.n_rows])
        self._counts = np.bincount(read.ravel(), minlength=vocabulary.size)
        self._parts = parts(planned.plan.rounds, rows.groups)
        twins = [subjects[p.model].twin() for p in planned.plan.populations if p.is_twin]
        self._work = FusedPass(planned.plan, [*subjects, *twins], rows, vocabulary, profiling)
        self._selections: Selections | None = None

    def measure(self) -> None:
        """Run the parts that the ledger does not name yet, then write the selections."""
        query = "select pass, part, state_file, state_hash from raw.parts where run = ? order by pass, part"
        ledger = self._raw.read(query, [self._plan.run]).filter(pl.col("state_file").is_not_null())
        kept = self._state.open(ledger["state_file"][-1], ledger["state_hash"][-1]) if len(ledger) else None
        first_pass, done = 0, self._extension.n_parts if self._extension is not None else 0
        if len(ledger) and kept is None:
            self._say("the state of the finished parts is missing or damaged: the run begins anew")
            copied = inherited_rows(self._plan, done) if self._extension is not None else ()
            self._raw.forget_parts(self._plan.run, copied)
        if kept is not None:
            self._state.keep_only(ledger["state_file"][-1])
            first_pass, done = int(ledger["pass"][-1]), int(ledger["part"][-1]) + 1
            self._say(f"going on after part {done} of {len(self._parts)}")
        try:
            self._run_passes(first_pass, done, kept)
        finally:
            self._work.close()

    def _run_passes(self, first_pass: int, done: int, kept: StateFile | None) -> None:
        begun = kept or (self._extension.state if self._extension is not None else None)
        if begun is None or (kept is None and self._plan.inherited):
            self._work.start()
        if begun is not None:
            self._work.load(begun)
        if self._plan.method is not None:
            self._selections = Selections(self._plan, self._work.shapes, self._work.units)
        sums: Accumulators | None = None
        standing: Standing | None = None
        for number, tiles in enumerate(self._planned.passes):
            if number < first_pass:
                continue
            if self._plan.method is not None:
                if kept is not None and number > 0:
                    standing = Standing.empty(self._plan, self._work.shapes)  # loaded with the rest
                sums = None  # its tiles must be gone before the next ones are made
                sums = Accumulators(self._plan, self._work.shapes, self._work.units, tiles, standing)
                if begun is not None:
                    sums.load(begun, is_parent=kept is None)
                if kept is not None and self._selections is not None:
                    self._selections.load(kept)
                if kept is None and self._plan.method.name == "refined" and self._makes_candidates():
                    sums.candidates += self._candidates()
            self._run_parts(number, done, sums)
            kept, begun, done = None, None, 0
            if sums is not None:
                standing = sums.standing
        self._finish(sums)

    def _makes_candidates(self) -> bool:
        """Whether there are pairs whose candidates no parent run has chosen."""
        return self._plan.parent is None or self._plan.inherited > 0

    def _candidates(self) -> list[Candidates]:
        self._say("choosing candidates on the pilot")
        return candidates_of(self._planned, self._work)

    def _run_parts(self, number: int, done: int, sums: Accumulators | None) -> None:
        def say_above_the_bar(line: str) -> None:
            with tqdm.external_write_mode():
                self._say(line)

        context, run = self._plan.context, self._plan.run
        pending: list[tuple[str, pl.DataFrame]] = []
        ledger: list[dict[str, object]] = []
        saved, cost = time.monotonic(), 0.0
        first = sum(len(part.rows) for part in self._parts[:done])
        name = "tokens" if self._plan.n_passes == 1 else f"pass {number + 1} of {self._plan.n_passes}"
        with tqdm(
            total=self._plan.n_rows * context, initial=first * context, unit="tok", unit_scale=True, desc=name
        ) as bar:
            for index in range(done, len(self._parts)):
                part = self._parts[index]
                moments = self._work.run_part(part, sums, bar.update, with_moments=self._plan.moments and number == 0)
                is_last = index == len(self._parts) - 1
                inserts: list[tuple[str, pl.DataFrame]] = []
                if sums is not None:
                    sums.end_part(part.group, is_first_round=index < _n_first_round(self._parts))
                    inserts += self._budget(index, sums)
                    if is_last:
                        self._take(sums)
                entry = {
                    "pass": number,
                    "part": index,
                    "doc_group": part.group,
                    "n_rows": len(part.rows),
                    "done_at": now(),
                }
                ledger.append(entry)
                if moments is not None:
                    inserts.append((MOMENTS.name, moments.with_columns(pl.lit(index).alias("part"))))
                pending += inserts
                if is_last or time.monotonic() - saved >= _SAVE_AFTER * cost:
                    started = time.monotonic()
                    file, digest = self._state.write(f"pass-{number}-part-{index:05d}", self._tensors(sums))
                    entry |= {"state_file": file, "state_hash": digest}
                    pending.append((PARTS.name, pl.DataFrame(ledger, schema_overrides=_STATE_COLUMNS)))
                    self._raw.write([(name, of_run(run, frame)) for name, frame in pending], wait=say_above_the_bar)
                    self._state.keep_only(file)
                    pending, ledger, saved = [], [], time.monotonic()
                    cost = saved - started

    def _tensors(self, sums: Accumulators | None) -> dict[str, torch.Tensor]:
        named = self._work.tensors()
        if sums is not None and self._selections is not None:
            named |= sums.tensors() | {f"selections.{name}": t for name, t in self._selections.tensors().items()}
        return named

    def _budget(self, index: int, sums: Accumulators) -> list[tuple[str, pl.DataFrame]]:
        """Selections over the first groups of documents, while the exact sums are just over those."""
        plan, groups = self._plan, self._parts[index].group + 1
        if plan.method is None or plan.method.name != "exact" or not self._has_budgets() or groups not in _BUDGETS:
            return []
        assert self._selections is not None
        is_half = groups == _HALF and plan.halves
        if is_half:
            sums.keep_half()
        return list(self._selections.partial(sums, slice(0, groups), plan.draws if is_half else 1))

    def _has_budgets(self) -> bool:
        one_round = is_one_round([part.group for part in self._parts])
        is_simple = self._plan.n_passes == 1 and not self._plan.inherited and self._plan.simulation is None
        return is_simple and one_round

    def _take(self, sums: Accumulators) -> None:
        assert self._selections is not None
        self._say("selecting partners and rotating baselines")
        with tqdm(total=self._selections.n_tiles(sums), desc="selections", unit="tile") as bar:
            self._selections.take(sums, bar.update)

    def _finish(self, sums: Accumulators | None) -> None:
        """Write what follows from all parts, and that the run is finished, in one transaction."""
        frames: list[tuple[str, pl.DataFrame]] = []
        if self._plan.simulation is not None:
            assert sums is not None
            assert self._selections is not None
            frames = list(simulated_rows(self._plan, self._work.units, self._work.simulated, self._selections, sums))
        elif sums is not None and self._selections is not None:
            frames = list(self._selections.frames(sums))
            if self._has_budgets() and self._plan.method is not None:
                if self._plan.method.name != "exact":
                    for groups in _BUDGETS:
                        draws = self._plan.draws if groups == _HALF and self._plan.halves else 1
                        frames += self._selections.partial(sums, slice(0, groups), draws)
                if self._plan.halves:
                    sums.leave_second_half()
                    frames += self._selections.partial(sums, slice(_HALF, GROUPS), self._plan.draws)
            frames += self._similarity_rows([frame for name, frame in frames if name == BESTS.name])
        query = "select sequence from raw.sequences where run = ?"
        known = self._raw.read(query, [self._plan.parent]) if self._plan.inherited else None
        closing = chain(frames, self._profile_rows(known))
        finish = (
            "update raw.runs set status = 'finished', finished_at = ?, peak_memory = ?, n_candidates = ? where run = ?"
        )
        candidates = sums.mean_candidates if sums is not None else None
        copied = [inherited_closing(self._plan, table.name) for table in (*SELECTIONS, *PROFILES)]
        self._raw.write(
            ((name, of_run(self._plan.run, frame)) for name, frame in closing),
            before=copied if self._plan.inherited else (),
            after=lambda: [(finish, [now(), peak_memory(self._plan.device), candidates, self._plan.run])],
            wait=self._say,
        )

    def _similarity_rows(self, bests: list[pl.DataFrame]) -> Frames:
        neurons = pl.concat(bests).filter(pl.col("site") == "mlp")
        return similarity_rows(neurons, {s.model.name: s.writing for s in self._subjects}, self._counts)

    def _profile_rows(self, known: pl.DataFrame | None) -> Frames:
        """Rows of profiles; `known` are the sequences of the run that this one takes over, if it does."""
        profiling, profiles, inherited = self._profiling, self._work.profiles, self._plan.inherited
        if profiling is None or not profiles:
            return
        name, sequences = sequence_rows(self._rows, profiles)
        if known is None:
            yield from corpus_rows(profiling, profiles)
            yield name, sequences
        else:
            yield name, sequences.filter(~pl.col("sequence").is_in(known["sequence"].implode()))
        for subject, profile in zip(self._subjects[inherited:], profiles, strict=True):
            yield from neuron_rows(subject.model.name, profile, profiling)
            yield from output_rows(subject.model.name, subject.writing, self._counts, profiling.by_id.holds)


def _n_first_round(all_parts: list[Part]) -> int:
    """Parts of the first round: until the groups begin anew."""
    groups = [part.group for part in all_parts]
    return next((k for k in range(1, len(groups)) if groups[k] <= groups[k - 1]), len(groups))


def peak_memory(device: str) -> int:
    """Largest memory that this process held, bytes; on an accelerator, that of the device."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
