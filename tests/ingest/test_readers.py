"""Readers keep reading while an ingest writes; a warehouse that another process holds is refused or waited for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from app.warehouse import version_of
from ingest import connect
from ingest.settings import state_folder
from tests.conftest import Ingested
from tests.support.commands import DEADLINE_S, Forked, forked, one_line_of_refusal, wait_for
from tests.support.small_models import CONTEXT, save, small_gpt2
from tests.support.studies import entry, write_study
from tests.support.tables import file_hash, rows
from tests.support.texts import write_texts

_COUNT = "select count(*) as n from neurons where model = 'new-1'"


@pytest.fixture(scope="module")
def small_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readers")
    write_texts(folder)
    for seed in (1, 2):
        save(small_gpt2(seed), folder / f"new-{seed}")
    return write_study(
        folder / "study.toml",
        [entry(f"new-{seed}", f"new-{seed}", seed=seed) for seed in (1, 2)],
        corpus={"source": "text:texts/*.txt", "tokens": 64 * CONTEXT, "context": CONTEXT},
        measure={"baseline": {"draws": 1}},
        device={"threads": 1, "batch_rows": 4},
    )


@contextmanager
def held(warehouse: Path) -> Iterator[int]:
    """A process that has the warehouse open, as its id."""
    program = (
        "import duckdb, sys, time\n"
        "while True:\n"
        "    try:\n"
        "        connection = duckdb.connect(sys.argv[1])\n"
        "        break\n"
        "    except duckdb.IOException:\n"
        "        time.sleep(0.001)\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(warehouse)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process.pid
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(DEADLINE_S)


@pytest.mark.slow
def test_readers_go_on_while_an_ingest_writes(trained: Ingested, small_study: Path, tmp_path: Path) -> None:
    warehouse = trained.copied(tmp_path / "copy")
    reader = connect(warehouse)
    before = reader.execute("select count(*) from neurons").fetchall()
    version = version_of(reader)
    writing = Forked(["ingest", small_study, "--warehouse", warehouse], tmp_path / "printed")
    state = state_folder(warehouse)
    wait_for("the state after a part", lambda: list(state.rglob("pass-0-part-*")), writing.is_running)
    answers = 0
    while writing.is_running() or not answers:
        assert reader.execute("select count(*) from neurons").fetchall() == before
        if not answers:
            asked = forked(
                "sql", "-c", _COUNT, "--format", "json", "--warehouse", warehouse, scratch=tmp_path / "asked"
            )
            assert (asked.code, json.loads(asked.out)) == (0, [{"n": 0}])
        answers += 1
    assert writing.end().code == 0
    # Ingested and not built yet: nothing new to see.
    with connect(warehouse) as early:
        assert version_of(early) == version
    built = forked("build", "--warehouse", warehouse, scratch=tmp_path / "printed")
    assert built.code == 0, built.out + built.err
    assert reader.execute("select count(*) from neurons").fetchall() == before
    reader.close()
    with connect(warehouse) as late:
        assert version_of(late) == version + 1
        assert late.execute(_COUNT).fetchall() == [(128,)]
    asked = forked("sql", "-c", _COUNT, "--format", "json", "--warehouse", warehouse, scratch=tmp_path / "asked")
    assert json.loads(asked.out) == [{"n": 128}]


def test_a_held_warehouse_is_refused_at_the_start(small_study: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    duckdb.connect(warehouse).close()
    before = file_hash(warehouse)
    with held(warehouse) as process:
        refused = one_line_of_refusal(
            forked("ingest", small_study, "--warehouse", warehouse, scratch=small_study.parent / "printed")
        )
        assert str(process) in refused
    assert file_hash(warehouse) == before
    assert [path.name for path in tmp_path.iterdir()] == [warehouse.name]


def test_an_ingest_waits_for_a_warehouse_that_is_taken_in_mid_run(small_study: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    # Parts that take long enough for the warehouse to be taken between two of them.
    longer = write_study(
        tmp_path / "longer.toml",
        [entry(f"new-{seed}", small_study.parent / f"new-{seed}", seed=seed) for seed in (1, 2)],
        corpus={"source": "python-stdlib", "part": "held-out", "tokens": 1500 * CONTEXT, "context": CONTEXT},
        measure={"baseline": {"draws": 1}},
        device={"threads": 1, "batch_rows": 4},
    )
    writing = Forked(["ingest", longer, "--warehouse", warehouse], tmp_path / "printed")
    state = state_folder(warehouse)
    wait_for("the state after a part", lambda: list(state.rglob("pass-0-part-00000.*")), writing.is_running)
    with held(warehouse) as process:
        printed = wait_for("a line that says it waits", lambda: _waiting(writing.printed()), writing.is_running)
        assert str(process) in printed
        assert writing.is_running()
    ended = writing.end()
    assert ended.code == 0, ended.err
    assert rows(warehouse, "select status from raw.runs")["status"].to_list() == ["finished"]


def _waiting(printed: str) -> str | None:
    return next((line for line in printed.splitlines() if "waiting:" in line), None)
