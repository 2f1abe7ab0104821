"""A folder of Parquet files is opened like the warehouse that it is an export of."""

from __future__ import annotations

import shutil
from pathlib import Path

import duckdb
import pytest
import streamlit as st
from polars.testing import assert_frame_equal

from app.questions import FOLDER, questions
from app.sandbox import run_query
from app.warehouse import connect, newest, version_of
from tests.app.looking import opened
from tests.models.exports import PLACES, Exports, exported, present
from tests.support.commands import forked, one_line_of_refusal
from tests.support.published_frames import frame

pytestmark = pytest.mark.slow


@pytest.fixture(params=["parquet", "pieces"])
def folder(request: pytest.FixtureRequest, exports: Exports, tmp_path: Path) -> Path:
    """Moved to a place whose name has what a pattern of files gives a meaning."""
    place: Path = tmp_path / "it's [a] *"
    shutil.copytree(exports.folder(request.param), place)
    return place


def test_every_question_has_the_same_answer(exports: Exports, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder.parent)
    asked = questions(FOLDER)
    assert len(asked) > 50
    with connect(exports.warehouse) as warehouse, connect(folder.name) as files:
        monkeypatch.chdir("/")
        for each in asked:
            expected, found = (run_query(con, each.sql).frame for con in (warehouse, files))
            # Places of the machine that measured are not passed on.
            kept = [name for name in expected.columns if name not in PLACES.values()]
            assert found.columns == expected.columns
            assert_frame_equal(found.select(kept), expected.select(kept))


def test_it_describes_itself(exports: Exports, folder: Path) -> None:
    said = (
        "select table_name, column_name, data_type, comment from duckdb_columns() where schema_name = 'marts' "
        "and table_name <> 'dataset' order by table_name, column_index"
    )
    of_tables = (
        "select table_name, comment from duckdb_tables() where schema_name = 'marts' and table_name <> 'dataset'"
    )
    of_views = "select view_name, comment from duckdb_views() where schema_name = 'marts'"
    with connect(exports.warehouse) as warehouse, connect(folder) as files:
        assert files.execute(said).fetchall() == warehouse.execute(said).fetchall()
        expected = dict(warehouse.execute(f"{of_tables} union all {of_views}").fetchall())
        found = dict(files.execute(of_views).fetchall())
        assert found == {name: " ".join(comment.split()) for name, comment in expected.items()}
        assert dict(files.execute("from dataset").fetchall())["made_by"] == "neuron-warehouse"


def test_nothing_else_is_read(exports: Exports, folder: Path) -> None:
    stranger = folder.parent / "stranger.parquet"
    shutil.copyfile(exports.parquet / "models.parquet", stranger)
    with connect(folder) as con:
        for query in (f"from '{stranger}'", f"copy models to '{folder.parent}/written.csv'", "set threads = 1"):
            with pytest.raises(duckdb.Error):
                con.execute(query)


def test_the_command_line_takes_the_folder(exports: Exports, folder: Path) -> None:
    scratch = folder.parent / "printed"
    query = ("sql", "-c", "select count(*) as n from neurons", "--format", "csv")
    counted = forked(*query, "--warehouse", folder, scratch=scratch)
    assert (counted.code, counted.err) == (0, "")
    with connect(exports.warehouse) as con:
        ((n,),) = con.execute("select count(*) from neurons").fetchall()
    assert counted.out.split() == ["n", str(n)]
    with connect(exports.warehouse) as con:
        of_marts = "select distinct table_name from duckdb_columns() where schema_name = 'marts'"
        names = {name for (name,) in con.execute(of_marts).fetchall()}
    status = forked("status", "--warehouse", folder, scratch=scratch)
    assert (status.code, status.err) == (0, "")
    assert all(f" {name} " in status.out for name in names)
    # The folder of the other form stands for its file.
    again = forked(*query, "--warehouse", exports.duckdb, scratch=scratch)
    assert again.out == counted.out


def test_it_is_only_read(exports: Exports, folder: Path, tmp_path: Path) -> None:
    before = present(folder)
    commands = (("build",), ("import", frame_in(tmp_path), "--model", "m", "--layers", "2", "--d-mlp", "50"))
    for command in commands:
        ended = forked(*command, "--warehouse", folder, scratch=tmp_path / "printed")
        assert "is an export, which is only read" in one_line_of_refusal(ended)
    again = forked("export", tmp_path / "out", "--warehouse", folder, scratch=tmp_path / "printed")
    assert "copy the folder" in one_line_of_refusal(again)
    assert present(folder) == before


def frame_in(folder: Path) -> Path:
    frame().write_csv(folder / "frame.csv")
    return folder / "frame.csv"


@pytest.mark.parametrize("page", ["home", "neuron", "universality", "families", "roles", "depth", "stages", "sql"])
def test_the_explorer_opens_it_and_says_what_it_lacks(
    exports: Exports, monkeypatch: pytest.MonkeyPatch, page: str
) -> None:
    monkeypatch.setenv("NEURONS_WAREHOUSE", str(exports.pieces))
    st.cache_data.clear()
    at = opened(page, {}, {"model": "b", "layer": "0", "neuron": "1"} if page == "neuron" else {})
    assert not at.exception
    assert "version 1" in at.sidebar.caption[0].value
    lacks = [info.value for info in at.info if "A Parquet export has the tables only" in info.value]
    assert bool(lacks) == (page in ("universality", "families", "roles"))


def test_a_new_export_is_another_version_of_the_same(exports: Exports, tmp_path: Path) -> None:
    target = tmp_path / "out"
    exported(target, exports.warehouse)
    with connect(target) as con:
        assert version_of(con) == 1
        first = newest(target / "dataset.json").stat().st_ino
        exported(target, exports.warehouse, "pieces")
    assert newest(target / "dataset.json").stat().st_ino != first


def test_a_folder_that_is_no_export(exports: Exports, folder: Path) -> None:
    scratch = folder.parent / "printed"

    def refused(place: Path) -> str:
        return one_line_of_refusal(forked("sql", "runs", "--warehouse", place, scratch=scratch))

    (folder.parent / "empty").mkdir()
    assert "there is no warehouse yet" in refused(folder.parent / "empty")
    card = folder / "dataset.json"
    card.write_text(card.read_text().replace('"tables"', '"chairs"'))
    assert "cannot be opened" in refused(folder)
    card.write_text("no JSON")
    assert "cannot be opened" in refused(folder)
