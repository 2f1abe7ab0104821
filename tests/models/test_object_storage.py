"""An export in object storage is opened like the folder that was put there."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import fsspec
import pytest
import streamlit as st
from polars.testing import assert_frame_equal

from app import object_storage
from app.errors import NoWarehouse, QueryFailed
from app.exported_folder import database_in
from app.questions import FOLDER, questions
from app.sandbox import run_query
from app.warehouse import connect
from tests.app.looking import opened
from tests.models.exports import Exports
from tests.support.commands import forked, one_line_of_refusal

ADDRESS = "memory://bucket/it's [an] export"


@pytest.fixture
def elsewhere(exports: Exports, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The export in pieces, put into a storage that lives in memory."""
    monkeypatch.setattr(object_storage, "_FETCHED", tmp_path / "fetched")
    storage = fsspec.filesystem("memory")
    storage.store.clear()
    for file in exports.pieces.rglob("*"):
        if file.is_file():
            storage.pipe_file(f"{ADDRESS}/{file.relative_to(exports.pieces).as_posix()}", file.read_bytes())
    storage.pipe_file("memory://bucket/stranger.parquet", (exports.parquet / "models.parquet").read_bytes())
    return ADDRESS


@pytest.mark.slow
def test_every_question_has_the_answer_of_the_folder(exports: Exports, elsewhere: str) -> None:
    with connect(exports.pieces) as folder, connect(elsewhere) as storage:
        for each in questions(FOLDER):
            expected, found = (run_query(con, each.sql).frame for con in (folder, storage))
            assert_frame_equal(found, expected)


@pytest.mark.slow
def test_nothing_else_is_read_and_nothing_written(elsewhere: str) -> None:
    before = fsspec.filesystem("memory").find("/")
    with connect(elsewhere) as con:
        for query in (
            "from 'memory://bucket/stranger.parquet'",
            "from 'export://../stranger.parquet'",
            "copy models to 'export://written.csv'",
            "copy models to 'export://neurons' (format parquet, partition_by (model), overwrite true)",
            "copy models to 'export://new' (format parquet, partition_by (model))",
            "from read_text('/etc/hostname')",
        ):
            with pytest.raises((duckdb.Error, PermissionError)):
                con.execute(query)
    assert fsspec.filesystem("memory").find("/") == before


@pytest.mark.slow
def test_what_is_gone_since_is_said(elsewhere: str) -> None:
    card = database_in(elsewhere)
    storage = fsspec.filesystem("memory")
    for path in [path for path in storage.store if "/neurons/" in path]:
        del storage.store[path]
    with pytest.raises(NoWarehouse, match=r"cannot be read: .*No files found"):
        connect(card)


@pytest.mark.slow
def test_what_the_storage_says_is_one_line(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_given: object, **_named: object) -> None:
        raise OSError(5, "the storage is on strike")

    with connect(elsewhere) as con:
        monkeypatch.setattr(type(fsspec.filesystem("memory")), "open", denied)
        with pytest.raises(QueryFailed, match="on strike") as failed:
            run_query(con, "select count(distinct excess_corr) from neurons")
    assert "Traceback" not in str(failed.value)
    assert "\n" not in str(failed.value)


@pytest.mark.slow
def test_a_card_that_was_not_fetched_says_nothing_of_other_places(exports: Exports, tmp_path: Path) -> None:
    told = json.loads((exports.pieces / "dataset.json").read_text()) | {"files_at": f"file://{exports.pieces}"}
    (tmp_path / "dataset.json").write_text(json.dumps(told))
    with pytest.raises(NoWarehouse, match="cannot be opened"):
        connect(tmp_path)


@pytest.mark.slow
def test_the_explorer_opens_it(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEURONS_WAREHOUSE", elsewhere)
    st.cache_data.clear()
    for page in ("home", "neuron", "universality"):
        at = opened(page, {}, {"model": "b", "layer": "0", "neuron": "1"} if page == "neuron" else {})
        assert not at.exception
        assert "version 1" in at.sidebar.caption[0].value


@pytest.mark.slow
def test_the_command_line_takes_the_address(exports: Exports, tmp_path: Path) -> None:
    settings = {"app.object_storage:_FETCHED": tmp_path / "fetched"}
    address = f"local://{exports.pieces}"
    answers = [
        forked("sql", "runs", "--format", "csv", "--warehouse", place, scratch=tmp_path, settings=settings)
        for place in (exports.pieces, address)
    ]
    assert answers[0].out == answers[1].out
    assert answers[1].code == 0
    build = forked("build", "--warehouse", address, scratch=tmp_path, settings=settings)
    assert "is an export, which is only read" in one_line_of_refusal(build)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("memory://bucket/nothing", "there is no Parquet export at memory://bucket/nothing"),
        ("nowhere://bucket", "nowhere://bucket cannot be read: Protocol not known"),
        ("gs://bucket/export", "gs://bucket/export cannot be read: "),
    ],
)
def test_an_address_without_an_export_is_one_line(tmp_path: Path, address: str, words: str) -> None:
    settings = {"app.object_storage:_FETCHED": tmp_path / "fetched"}
    ended = forked("sql", "runs", "--warehouse", address, scratch=tmp_path, settings=settings)
    assert words in one_line_of_refusal(ended)
    assert not (tmp_path / "fetched").exists()
    with pytest.raises(NoWarehouse):
        connect(address)
