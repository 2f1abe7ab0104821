"""The explorer where there is no whole warehouse: each page says what to do, and none breaks."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from app import main
from app.opening import opened
from tests.app.looking import Look, main_text

PAGES = [path or "home" for *_, path in main.PAGES]


def test_no_warehouse(look: Look, tmp_path: Path) -> None:
    at = look(tmp_path / "neurons.duckdb")
    assert at.title[0].value == "No neurons yet"
    assert "neurons demo" in at.info[0].value
    assert str(tmp_path) not in main_text(at)


def test_not_a_database(look: Look, tmp_path: Path) -> None:
    path = tmp_path / "neurons.duckdb"
    path.write_text("not a database, but long enough to be looked at\n" * 500)
    at = look(path)
    assert at.title[0].value == "No neurons yet"
    assert "cannot be opened" in at.info[0].value
    assert str(tmp_path) not in main_text(at)


def test_half_built(look: Look, unbuilt: Path) -> None:
    at = look(unbuilt)
    assert at.title[0].value == "No neurons yet"
    assert "neurons build" in at.info[0].value


@pytest.mark.parametrize("page", PAGES)
def test_built_by_another_version(look: Look, warehouse: Path, page: str) -> None:
    at = look(warehouse, page)
    if page == "sql":
        assert "neurons" in at.selectbox(key="table-marts").options
    elif page == "lists":
        assert "No list has been kept" in at.info[0].value
    else:
        assert "neurons build" in at.info[0].value
    assert str(warehouse.parent) not in main_text(at)


@pytest.mark.parametrize("page", PAGES)
def test_empty_marts(look: Look, warehouse: Path, emptied: Callable[[Path], None], page: str) -> None:
    emptied(warehouse)
    at = look(warehouse, page)
    if page == "lists":
        assert "No list has been kept" in at.info[0].value
    elif page != "sql":
        assert f"neurons {'import' if page == 'published' else 'ingest'}" in at.info[0].value


def test_falls_back_to_the_demos(look: Look, warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at = look(tmp_path / "mine.duckdb")
    assert at.title[0].value == "No neurons yet"
    monkeypatch.setattr("app.warehouse.own_warehouse", lambda: warehouse)
    time.sleep(2.1)
    at.run()
    assert "There is no warehouse mine.duckdb yet" in at.sidebar.warning[0].value
    assert "neurons demo" in at.sidebar.warning[0].value


def test_what_is_published_later_is_shown_without_a_restart(
    look: Look, warehouse: Path, build: Callable[[Path, str], None]
) -> None:
    at = look(warehouse, "sql")
    assert "version 1" in at.sidebar.caption[0].value
    with duckdb.connect(str(warehouse)) as con:
        con.execute("create table marts.later as select 1 as one")
    build(warehouse, "b2")
    time.sleep(2.1)
    at.run()
    assert "version 2" in at.sidebar.caption[0].value
    assert "later" in at.selectbox(key="table-marts").options


def test_a_writer_is_not_waited_for(look: Look, warehouse: Path) -> None:
    look(warehouse, "sql")
    program = (
        "import duckdb, sys, time; con = duckdb.connect(sys.argv[1]); con.execute('create table raw.new (a integer)'); "
        "print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(warehouse)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert writer.stdout is not None
            assert writer.stdout.readline() == "held\n"
            at = look(warehouse, "sql")
            assert "version 1" in at.sidebar.caption[0].value
            assert opened().note is None
        finally:
            writer.kill()
