"""An export of trained models goes to somebody else: the explorer and notebooks open it, and it names no folder."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from app.warehouse import newest
from tests.app.looking import Look, main_text, opened, passages
from tests.conftest import DEMO_MODELS, Ingested
from tests.support.commands import forked, one_line_of_refusal
from tests.support.small_models import demo_folder
from tests.support.tables import file_hash

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def mailed(trained: Ingested, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The DuckDB file of an export, moved away from where it was written."""
    folder = tmp_path_factory.mktemp("mailed")
    made = forked("export", folder / "made", "--duckdb", "--warehouse", trained.warehouse, scratch=folder / "printed")
    assert (made.code, made.err) == (0, "")
    return (folder / "made").rename(folder / "elsewhere") / "neurons.duckdb"


@pytest.fixture
def look(monkeypatch: pytest.MonkeyPatch) -> Look:
    """Opens pages."""

    def look_at(
        warehouse: Path, page: str = "home", clicked: Mapping[str, Any] | None = None, **address: str
    ) -> AppTest:
        monkeypatch.setenv("NEURONS_WAREHOUSE", str(warehouse))
        st.cache_data.clear()
        return opened(page, clicked or {}, address)

    return look_at


def shown(at: AppTest) -> list[object]:
    """What a page says, and its figures."""
    return [[info.value for info in at.info], [metric.value for metric in at.metric], passages(at)]


@pytest.mark.parametrize("page", ["home", "neuron", "universality", "families", "roles", "sql"])
def test_the_explorer_shows_what_it_shows_of_the_warehouse(
    mailed: Path, trained: Ingested, look: Look, page: str
) -> None:
    address = {"model": "demo-1", "layer": "2", "neuron": "117"} if page == "neuron" else {}
    expected = shown(look(trained.warehouse, page, None, **address))
    at = look(mailed, page, None, **address)
    assert shown(at) == expected
    assert "version 1" in at.sidebar.caption[0].value
    if page == "neuron":
        at.segmented_control(key="own-text").set_value("full row").run()
        assert not at.exception
    if page == "home":
        at.selectbox(key="of-table").set_value("neurons").run()
        at.selectbox(key="of-column").set_value("max_corr").run()
        assert not at.exception
        assert "raw.bests" in main_text(at)
    names = {path.name for path in mailed.parent.iterdir()}
    assert names == {"neurons.duckdb", "README.md", "LICENSE", "dataset.json", "target"}


def test_it_is_compact(mailed: Path, trained: Ingested) -> None:
    assert mailed.stat().st_size < newest(trained.warehouse).stat().st_size / 2


def test_no_folder_of_this_machine_is_in_it(mailed: Path, trained: Ingested) -> None:
    card = json.loads((mailed.parent / "dataset.json").read_text())
    assert [model["source"] for model in card["models"]] == [demo_folder(seed).name for seed in (1, 2, 3)]
    folders = (str(DEMO_MODELS), str(trained.warehouse.parent))
    for file in mailed.parent.rglob("*.*"):
        if file != mailed:
            assert not [folder for folder in folders if folder in file.read_text()], file.name
    with duckdb.connect(mailed, read_only=True) as con:
        for schema, table, column in con.execute(
            "select schema_name, table_name, column_name from duckdb_columns() "
            "where not internal and data_type in ('VARCHAR', 'JSON') and table_name not like 'neuron_%'"
        ).fetchall():
            found = f"select count(*) from {schema}.{table} where contains({column}::varchar, $folder)"
            for folder in folders:
                assert con.execute(found, {"folder": folder}).fetchall() == [(0,)], (table, column)


def test_a_notebook_reads_either_without_torch(mailed: Path, trained: Ingested) -> None:
    program = (
        "import sys; from ingest import connect; con = connect(sys.argv[1])\n"
        "frame = con.sql('select * from neurons where layer = 2').pl()\n"
        "print(type(frame).__module__.split('.')[0], frame.height, 'torch' in sys.modules)\n"
        "try: con.execute('create table marts.t (a integer)')\n"
        "except Exception as error: print(error)"
    )
    for file in (mailed, trained.warehouse):
        done = subprocess.run([sys.executable, "-c", program, str(file)], capture_output=True, text=True, check=True)
        told, refusal = done.stdout.strip().split("\n", 1)
        assert told == "polars 1536 False"
        assert "read-only" in refusal


def test_nothing_is_built_or_ingested_into_an_export(mailed: Path, trained: Ingested) -> None:
    before = file_hash(mailed)
    for command in (["build"], ["ingest", trained.study]):
        ended = forked(*command, "--warehouse", mailed, scratch=mailed.parents[1] / "printed")
        assert "is an export, which is only read" in one_line_of_refusal(ended)
    assert file_hash(mailed) == before
