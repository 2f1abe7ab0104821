"""Studies whose measures are shared out, and what a shared run must be equal to."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.measuring import open_study
from ingest.recipes.planning import plan_run
from ingest.recipes.working import Order
from ingest.runs.plan import PlannedSimulation
from ingest.study import read_study
from ingest.subject.locate import locate_all
from tests.runs.interrupted import MEASURES, make_models, make_study, memory_for
from tests.support.commands import Ended, Forked, forked
from tests.support.small_models import CONTEXT
from tests.support.tables import differing_rows, rows

SIMULATED: dict[str, Any] = {"validation": ["simulated"], "simulated": {"strengths": [0.3]}, "features": False}
METHODS = {
    # Without profiles it is the sums of a pair that fill the memory.
    "exact in passes": MEASURES["exact in passes"] | {"features": False},
    "refined": MEASURES["refined"],
    "sketch": MEASURES["sketch"],
    "simulated": MEASURES["exact"] | SIMULATED,
}
# All that a sketched run can be asked for.
SKETCHED = {
    "sites": MEASURES["sketch"] | {"sites": ["mlp", "resid"], "validation": ["split-half"]},
    "floors": MEASURES["sketch"] | {"floors": ["shift", "noise", "twin"], "features": False},
    "seeds": MEASURES["sketch"] | {"floors": []} | SIMULATED,
}


def home_with(method: str, folder: Path) -> Path:
    """A folder with models, texts, `study.toml`, and `alone.duckdb`, which one process makes of it.

    Where one process would take more passes than shares do, whose errors rest on other groups, it is one worker.
    """
    study = _write(method, folder)
    on = ["--on", "devices", "--workers", 1] if method == "exact in passes" else []
    ended = forked("ingest", study, "--warehouse", folder / "alone.duckdb", *on, scratch=folder / "printed")
    assert ended.code == 0, ended.err
    return folder


def order_of(method: str, folder: Path, simulation: PlannedSimulation | None = None) -> Order:
    """A study with models and texts, or the simulated seeds of its models, as workers get it."""
    study = read_study(_write(method, folder))
    opened = open_study(study, locate_all(study), RawWarehouse(folder / "alone.duckdb"), lambda _line: None)
    assert opened.rows is not None
    planned = plan_run(
        study, opened.vocabulary, opened.subjects, opened.rows, lambda _line: None, simulation, is_shared=True
    )
    return Order(study, planned, opened.rows.folder, opened.rows.manifest, folder / "sums")


def _write(method: str, folder: Path) -> Path:
    make_models(folder)
    measure = (MEASURES | METHODS | SKETCHED)[method]
    study = make_study(folder / "study.toml", measure)
    if method == "exact in passes":
        make_study(folder / "study.toml", measure, memory=memory_for(study, 2, is_shared=True))
    return study


def arguments(home: Path, warehouse: Path, on: str, *options: object) -> list[object]:
    """Of the command that shares the study out."""
    return ["ingest", home / "study.toml", "--warehouse", warehouse, "--on", on, *options]


def shared(home: Path, warehouse: Path, on: str, *options: object) -> Ended:
    """The study shared out, to its end."""
    return forked(*arguments(home, warehouse, on, *options), scratch=home / "printed")


def begin(home: Path, warehouse: Path, on: str, *options: object) -> Forked:
    """The study shared out, begun."""
    return Forked(arguments(home, warehouse, on, *options), home / "printed")


def n_shares(warehouse: Path) -> int | None:
    """Shares in the ledger; None while there is none that can be read."""
    try:
        return len(rows(warehouse, "select share from raw.shares")) or None
    except Exception:  # the writer holds it, or has not made it yet
        return None


def below(process: psutil.Process, word: str) -> list[psutil.Process]:
    """Processes that a process started, and those started, whose command has a word; some may end meanwhile."""
    found = []
    for each in process.children(recursive=True):
        with suppress(psutil.Error):
            if word in " ".join(each.cmdline()):
                found.append(each)
    return found


def workers_of(process: Forked) -> list[psutil.Process]:
    """Processes of a command that compute shares."""
    assert process.process.pid is not None
    return below(psutil.Process(process.process.pid), "spawn_main")


def assert_same_rows(warehouse: Path, home: Path) -> None:
    """The rows of one process alone, to the last bit, with every piece in the ledger once."""
    found = differing_rows(warehouse, home / "alone.duckdb")
    ledger = rows(warehouse, "select run, pieces from raw.shares")
    assert found.keys() <= {"shares"}
    for run, each in ledger.group_by("run"):
        pieces = each["pieces"].explode().sort().to_list()
        assert pieces == list(range(len(pieces))), run
    runs = rows(warehouse, "select run, n_tokens from raw.runs where status = 'finished' and kind <> 'import'")
    assert set(runs["run"]) == set(ledger["run"])
    assert runs["n_tokens"].min() % CONTEXT == 0  # type: ignore[operator]
