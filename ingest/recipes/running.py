"""One run on this machine from its first part, or from where it was stopped, to its last row."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from itertools import chain

import polars as pl
import torch
from tqdm import tqdm

from ingest.corpus.store import TokenRows
from ingest.corpus.strata import Vocabulary
from ingest.errors import InputError
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.computation import Begun, Computation
from ingest.recipes.extending import Extension, inherited_closing, inherited_rows, known_sequences
from ingest.recipes.opening import now, of_run
from ingest.recipes.planning import Planned
from ingest.recipes.profile_rows import sequence_rows
from ingest.recipes.profiling import Profiling
from ingest.recipes.subjects import Subject
from ingest.runs.shares import whole
from ingest.runs.state import StateFolder
from ingest.tables import PARTS

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
        self._rows, self._extension = rows, extension
        self._plan, self._raw, self._state, self._say = planned.plan, raw, state, say
        self._computation = Computation(
            planned, whole(planned.plan), dict(enumerate(subjects)), rows, vocabulary, profiling, say, shows_bars=True
        )

    def measure(self) -> None:
        """Run the parts that the ledger does not name yet, then write the selections."""
        try:
            self._run_parts(self._begun())
            self._finish()
        finally:
            self._computation.close()

    def _begun(self) -> Begun:
        if len(self._raw.read("select share from raw.shares where run = ?", [self._plan.run])):
            raise InputError(f"run {self._plan.run} was begun in shares: go on with it by the same --on")
        query = "select pass, part, state_file, state_hash from raw.parts where run = ? order by pass, part"
        ledger = self._raw.read(query, [self._plan.run]).filter(pl.col("state_file").is_not_null())
        kept = self._state.open(ledger["state_file"][-1], ledger["state_hash"][-1]) if len(ledger) else None
        if kept is not None:
            self._state.keep_only(ledger["state_file"][-1])
            number, done = int(ledger["pass"][-1]), int(ledger["part"][-1]) + 1
            self._say(f"going on after part {done} of {len(self._computation.parts)}")
            return Begun(number, done, own=kept)
        extension = self._extension
        if len(ledger):
            self._say("the state of the finished parts is missing or damaged: the run begins anew")
            copied = inherited_rows(self._plan, extension.n_parts) if extension is not None else ()
            self._raw.forget_parts(self._plan.run, copied)
        return Begun() if extension is None else Begun(done=extension.n_parts, parent=extension.state)

    def _run_parts(self, begun: Begun) -> None:
        run = self._plan.run
        pending: list[tuple[str, pl.DataFrame]] = []
        ledger: list[dict[str, object]] = []
        saved, cost = time.monotonic(), 0.0
        for part in self._computation.run(begun):
            entry = {
                "pass": part.number,
                "part": part.index,
                "doc_group": part.group,
                "n_rows": part.n_rows,
                "done_at": now(),
            }
            ledger.append(entry)
            pending += part.frames
            if part.is_last or time.monotonic() - saved >= _SAVE_AFTER * cost:
                started = time.monotonic()
                name = f"pass-{part.number}-part-{part.index:05d}"
                file, digest = self._state.write(name, self._computation.tensors())
                entry |= {"state_file": file, "state_hash": digest}
                pending.append((PARTS.name, pl.DataFrame(ledger, schema_overrides=_STATE_COLUMNS)))
                self._raw.write([(name, of_run(run, frame)) for name, frame in pending], wait=above_the_bar(self._say))
                self._state.keep_only(file)
                pending, ledger, saved = [], [], time.monotonic()
                cost = saved - started

    def _finish(self) -> None:
        """Write what follows from all parts, and that the run is finished, in one transaction."""
        plan, computation = self._plan, self._computation
        known = known_sequences(plan, self._raw)
        closing = chain(
            computation.pair_rows(),
            computation.profile_rows(with_corpus=known is None),
            sequence_rows(self._rows, computation.example_rows(), known),
        )
        self._raw.write(
            ((name, of_run(plan.run, frame)) for name, frame in closing),
            before=inherited_closing(plan),
            after=lambda: [finish(plan.run, peak_memory(plan.device), computation.n_candidates)],
            wait=self._say,
        )


def above_the_bar(say: Say) -> Say:
    """The same, for lines while a progress bar is drawn."""

    def said(line: str) -> None:
        with tqdm.external_write_mode():
            say(line)

    return said


def finish(run: str, memory: int, candidates: tuple[int, int]) -> tuple[str, list[object]]:
    """The statement that says that a run is finished; `candidates` as Accumulators.n_candidates has them."""
    n, directed = candidates
    statement = (
        "update raw.runs set status = 'finished', finished_at = ?, peak_memory = ?, n_candidates = ? where run = ?"
    )
    return statement, [now(), memory, n / directed if directed else None, run]


def peak_memory(device: str) -> int:
    """Largest memory that this process held, bytes; on an accelerator, that of the device."""
    if device.startswith("cuda"):
        return int(torch.cuda.max_memory_allocated(device))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
