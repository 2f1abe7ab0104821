"""Publishing: whole versions, one per build, whatever happens in between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from app import warehouse as reader
from app.errors import NothingPublished, NoWarehouse
from app.publish import publish, published_folder, versions
from app.status import storage_summary

Build = Callable[[Path, str], None]
ROOT = Path(__file__).resolve().parents[2]
HOLD = """
import duckdb, sys
con = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.readline()
"""
PUBLISH = "import sys; from pathlib import Path; from app.publish import publish; publish(Path(sys.argv[1]))"


def names(warehouse: Path) -> list[str]:
    return sorted(path.name for path in published_folder(warehouse).iterdir() if path.name != ".lock")


class Writer:
    """Another process that has the warehouse open for writing."""

    def __init__(self, warehouse: Path) -> None:
        command = [sys.executable, "-c", HOLD, str(warehouse)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> subprocess.Popen[str]:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "held\n"
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.communicate("\n", timeout=20)


def test_a_build_is_published_once(warehouse: Path) -> None:
    assert publish(warehouse) == published_folder(warehouse) / "1.duckdb"
    assert publish(warehouse) is None
    with duckdb.connect(str(warehouse)) as con:
        con.execute("insert into raw.parts values ('r1', 2)")
    assert reader.newest(warehouse).name == "1.duckdb"
    assert names(warehouse) == ["1.duckdb"]


def test_the_last_two_versions_are_kept(warehouse: Path, build: Build) -> None:
    publish(warehouse)
    versions(warehouse)[0].rename(published_folder(warehouse) / "8.duckdb")
    for number in range(9, 12):  # past 9: numbers are compared, not names
        build(warehouse, f"b{number}")
        assert publish(warehouse) is not None
    assert [path.name for path in versions(warehouse)] == ["10.duckdb", "11.duckdb"]


def test_nothing_is_published_before_the_first_build_ends(unbuilt: Path) -> None:
    assert publish(unbuilt) is None
    with pytest.raises(NothingPublished, match="neurons build"):
        reader.newest(unbuilt)


def test_views_macros_comments_and_keys_survive(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create view marts.full_name as select * from neurons.staging.v")
    with reader.connect(warehouse) as con:
        assert con.sql("select count(*) from high").fetchall() == [(5,)]
        assert con.sql("select count(*) from full_name").fetchall() == [(1000,)]
        assert con.sql("select count(*), marts.twice(4) from marts.rule_high(990)").fetchall() == [(10, 8)]
        assert con.sql("select comment from duckdb_tables() where table_name = 't'").fetchall() == [("the table",)]
        assert con.sql("select comment from duckdb_views() where view_name = 'v'").fetchall() == [("the view",)]
        assert con.sql("select comment from duckdb_columns() where comment is not null").fetchall() == [("it's a",)]
        macros = con.sql("select comment from duckdb_functions() where function_name = 'rule_high'").fetchall()
        assert macros == [("the rule",)]
        kept = con.sql("select count(*) from duckdb_constraints() where constraint_type = 'PRIMARY KEY'").fetchall()
        assert kept == [(1,)]
        assert con.sql("select current_database()").fetchall() == [("neurons",)]


def test_a_copy_is_compact(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create table raw.big as select random() as x from range(500000)")
        con.execute("create table raw.last as select 1 as x")
        con.execute("checkpoint")
        con.execute("drop table raw.big")
        con.execute("checkpoint")
        con.execute("create table raw.later as select 1 as x")
    version = reader.newest(warehouse)
    assert version.stat().st_size <= warehouse.stat().st_size
    assert version.stat().st_size < 4_000_000


def test_concurrent_publishers_make_one_version(warehouse: Path) -> None:
    command = [sys.executable, "-c", PUBLISH, str(warehouse)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT) for _ in range(3)]
    errors = [process.communicate(timeout=60)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    assert names(warehouse) == ["1.duckdb"]
    with reader.connect(warehouse) as con:
        assert con.sql("select count(*) from raw.t").fetchall() == [(1000,)]


def test_a_publisher_killed_half_way_leaves_no_version(warehouse: Path) -> None:
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create table raw.big as select random() as x, md5(i::varchar) as y from range(3000000) r(i)")
    process = subprocess.Popen([sys.executable, "-c", PUBLISH, str(warehouse)], cwd=ROOT)
    folder = published_folder(warehouse)
    until = time.monotonic() + 30
    while not list(folder.glob(".copy-*")):
        assert process.poll() is None, "it was done before it could be killed"
        assert time.monotonic() < until
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=20)
    assert versions(warehouse) == []
    assert names(warehouse) != []
    assert publish(warehouse) == folder / "1.duckdb"
    assert names(warehouse) == ["1.duckdb"]


def test_a_copy_that_fails_leaves_nothing(warehouse: Path, build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    publish(warehouse)
    build(warehouse, "b2")
    monkeypatch.setattr("app.publish.sync", full_disk)
    assert reader.newest(warehouse).name == "1.duckdb"
    assert names(warehouse) == ["1.duckdb"]


def test_no_bar_is_drawn_into_an_answer(warehouse: Path) -> None:
    with reader.connect(warehouse) as con, reader.cursor(con) as own:
        assert own.execute("select current_setting('enable_progress_bar')").fetchall() == [(False,)]


def test_two_warehouses_of_a_folder_keep_apart(warehouse: Path, build: Build) -> None:
    other = warehouse.with_name("my-study.duckdb")
    other.write_bytes(warehouse.read_bytes())
    build(other, "mine")
    with reader.connect(warehouse) as one, reader.connect(other) as two:
        assert one.sql("select count(*) from builds").fetchall() == [(1,)]
        assert two.sql("select count(*), current_database() from builds").fetchall() == [(2, "my-study")]


def test_readers_go_on_while_another_process_writes(warehouse: Path, build: Build) -> None:
    reader.newest(warehouse)
    build(warehouse, "b2")
    with Writer(warehouse) as writer:
        with reader.connect(warehouse) as con:
            assert reader.version_of(con) == 1
            assert con.sql("select build from builds").fetchall() == [("b1",)]
        with pytest.raises(duckdb.Error) as held:
            publish(warehouse)
        assert reader.writer_of(held.value) == str(writer.pid)
        state = storage_summary(warehouse, patience_s=0.2)
        assert state.note is not None
        assert "published last" in state.note
    with reader.connect(warehouse) as old:
        assert reader.version_of(old) == 2
        for name in ("b3", "b4"):
            build(warehouse, name)
            reader.newest(warehouse)
        # Version 2 has lost its name by now, and its reader has not noticed.
        assert [path.name for path in versions(warehouse)] == ["3.duckdb", "4.duckdb"]
        assert old.sql("select count(*) from raw.t, builds").fetchall() == [(2000,)]


def test_a_held_warehouse_that_was_never_published_says_who_holds_it(warehouse: Path) -> None:
    with Writer(warehouse) as writer, pytest.raises(NothingPublished, match=f"process {writer.pid}") as error:
        reader.newest(warehouse)
    assert "/" not in str(error.value)


def test_no_warehouse_and_no_database(tmp_path: Path) -> None:
    with pytest.raises(NoWarehouse, match="neurons demo"):
        reader.connect(tmp_path / "neurons.duckdb")
    broken = tmp_path / "x.duckdb"
    broken.write_bytes(b"no database" * 1000)
    with pytest.raises(NoWarehouse, match="no DuckDB file") as error:
        reader.connect(broken)
    assert str(tmp_path) not in str(error.value)


def test_status_counts_parts_and_rows(warehouse: Path) -> None:
    state = storage_summary(warehouse)
    assert state.note is None
    assert state.n_bytes == warehouse.stat().st_size
    assert state.runs.select("run", "n_parts", "n_parts_done", "n_models").rows() == [("r1", 3, 2, 1)]
    assert ("raw", "t", 1000) in [row[:3] for row in state.tables.iter_rows()]


def test_the_default_warehouse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEURONS_WAREHOUSE", raising=False)
    assert reader.default_warehouse() == ROOT / "warehouse" / "neurons.duckdb"
    monkeypatch.setenv("NEURONS_WAREHOUSE", "elsewhere/x.duckdb")
    assert reader.default_warehouse() == Path("elsewhere/x.duckdb")
