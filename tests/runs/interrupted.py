"""Studies of every method that are interrupted, and what an interrupted run must be equal to."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from ingest.corpus.sources import open_source
from ingest.corpus.store import store_corpus
from ingest.errors import InputError
from ingest.recipes.planning import plan_run
from ingest.recipes.subjects import load_subject, shared_vocabulary
from ingest.settings import state_folder
from ingest.study import read_study
from ingest.subject.locate import locate_all
from tests.support.commands import Ended, forked
from tests.support.small_models import CONTEXT, related_gpt2, save
from tests.support.studies import entry, write_study
from tests.support.tables import differing_rows, rows
from tests.support.texts import write_texts

MODELS = ("one", "two", "three")
N_ROWS = 65
# State is saved after every part, not only when that has paid.
SAVING_OFTEN = {"ingest.recipes.running:_SAVE_AFTER": 0.0}

EXACT: dict[str, Any] = {"correlation": "exact", "baseline": {"draws": 2}}
MEASURES: dict[str, dict[str, Any]] = {
    "exact": EXACT,
    "exact in passes": EXACT | {"floors": ["shift", "noise", "twin"], "sketch": {"buckets": 256}},
    "refined": {
        "correlation": "refined", "baseline": {"draws": 1}, "floors": ["shift"], "sketch": {"buckets": 256},
        "pilot": {"tokens": 800, "candidates": 6}, "validation": ["split-half"],
    },
    "sketch": {"correlation": "sketch", "baseline": {"draws": 1}, "floors": ["twin"], "sketch": {"buckets": 256}},
}  # fmt: skip


def make_models(folder: Path) -> None:
    """Three models, and texts that are many documents."""
    for seed, name in enumerate(MODELS):
        save(related_gpt2(seed + 1, width=8), folder / name)
    write_texts(folder)


def make_study(
    file: Path, measure: dict[str, Any], *, n_rows: int = N_ROWS, n_models: int = len(MODELS), **device: Any
) -> Path:
    """A study of the models beside the file."""
    return write_study(
        file,
        [entry(name, file.parent / name, seed=s, model_family="small") for s, name in enumerate(MODELS[:n_models])],
        corpus={"source": "text:texts/*.txt", "tokens": n_rows * CONTEXT, "context": CONTEXT},
        measure=measure,
        device={"threads": 1, "batch_rows": 2, **device},
    )


def memory_for(study: Path, n_passes: int, *, is_shared: bool = False) -> float:
    """The least [device] memory in GB with which an exact run of a study takes so many passes."""
    asked = read_study(study)
    assert asked.corpus is not None
    folders = locate_all(asked)
    vocabulary = shared_vocabulary(asked, folders)
    subjects = [load_subject(m, f, vocabulary) for m, f in zip(asked.checkpoints(), folders, strict=True)]
    source = open_source(asked.corpus, asked.folder)
    stored = store_corpus(asked.corpus, source, vocabulary, context=CONTEXT, folder=study.parent / "scratch")

    def passes(kilobytes: int) -> int:
        device = asked.device.model_copy(update={"memory": kilobytes / 1e6})
        try:
            narrow = asked.model_copy(update={"device": device})
            planned = plan_run(narrow, vocabulary, subjects, stored, _nothing, is_shared=is_shared)
        except InputError:
            return 10**9
        return len(planned.passes)

    low, high = 0, 10**7
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if passes(middle) > n_passes else (low, middle)
    assert passes(high) == n_passes
    return high / 1e6


def _nothing(_line: str) -> None:
    pass


def ingest(study: Path, warehouse: Path, scratch: Path) -> Callable[..., Ended]:
    """The command, in a forked process, to be given a bomb and settings."""
    return partial(forked, "ingest", study, "--warehouse", warehouse, scratch=scratch)


def assert_same_run(warehouse: Path, undisturbed: Path) -> None:
    """Finished runs with the same rows, every part of each in the ledger once, and nothing left but their states."""
    assert differing_rows(warehouse, undisturbed) == {}
    kept = set()
    for run in rows(warehouse, "select * from raw.runs").iter_rows(named=True):
        assert run["status"] == "finished"
        ledger = rows(warehouse, "select * from raw.parts where run = $run order by pass, part", run=run["run"])
        expected = [(number, part) for number in range(run["n_passes"]) for part in range(run["n_parts"])]
        assert ledger.select("pass", "part").rows() == expected
        assert ledger["n_rows"].sum() * CONTEXT == run["n_passes"] * run["n_tokens"]
        kept.add(Path(run["run"], ledger["state_file"][-1]))
    # A state is kept for an extension: the last part's. A killed process leaves its lock, which locks nothing.
    state = state_folder(warehouse)
    left = {path.relative_to(state) for path in state.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert left == kept
