"""`neurons export` of a warehouse in which every mart has rows: the same rows, and nothing half done."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow.dataset
import pytest

from app.lists import lists_folder
from app.warehouse import connect
from tests.models.exports import (
    FILE,
    FORMS,
    PIECES,
    PLACES,
    Exports,
    export,
    exported,
    present,
    refused,
    source,
    tables_of,
)
from tests.support.bombs import Bomb
from tests.support.commands import one_line_of_refusal
from tests.support.tables import file_hash

pytestmark = pytest.mark.slow

Columns = dict[str, tuple[str, str]]


def marts(con: duckdb.DuckDBPyConnection) -> dict[str, Columns]:
    """Type and comment of every column of every mart, but of the one by which an export describes itself."""
    found: dict[str, Columns] = {}
    for table, column, kind, comment in con.execute(
        "select table_name, column_name, data_type, comment from duckdb_columns() "
        "where schema_name = 'marts' and table_name <> 'dataset' order by table_name, column_index"
    ).fetchall():
        found.setdefault(table, {})[column] = (kind, comment)
    return found


def comments(con: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """Comments of tables, views and rules in marts."""
    return dict(
        con.execute(
            "select table_name, comment from duckdb_tables() where schema_name = 'marts' and table_name <> 'dataset' "
            "union all select view_name, comment from duckdb_views() where schema_name = 'marts' "
            "union all select function_name, comment from duckdb_functions() where schema_name = 'marts' order by all"
        ).fetchall()
    )


def rows_of(file: Path) -> dict[str, list[Any]]:
    """All rows of all tables, in their order."""
    with duckdb.connect(file, read_only=True) as con:
        tables = con.execute(
            "select schema_name || '.' || table_name from duckdb_tables() where not internal"
        ).fetchall()
        return {table: con.execute(f"from {table}").fetchall() for (table,) in tables}


@pytest.mark.parametrize("form", FORMS)
def test_rows_are_those_of_the_marts(exports: Exports, form: str) -> None:
    tables = {} if form == "duckdb" else tables_of(exports.folder(form))
    with connect(exports.warehouse) as reader, duckdb.connect() as con:
        known = marts(reader)
        ((path,),) = reader.execute("select path from duckdb_databases() where not internal").fetchall()
        con.execute(f"attach '{path}' as published (read_only)")
        con.execute(f"attach '{exports.duckdb / FILE}' as mailed (read_only)")
        assert len(known) > 50
        for table, columns in known.items():
            there = f"mailed.marts.{table}"
            behind = set[str]()
            if tables:
                there, behind = source(exports.folder(form), tables[table]), set(tables[table]["partitions"])
            types = con.execute(f"select column_name, column_type from (describe from {there})").fetchall()
            in_order = sorted(columns.items(), key=lambda column: column[0] in behind)
            assert types == [(name, kind) for name, (kind, _) in in_order]
            con.execute(f"use {'mailed' if form == 'duckdb' else 'published'}")
            con.execute(f"create or replace temp table theirs as select {', '.join(columns)} from {there}")
            con.execute("use published")
            con.execute(f"create or replace temp table ours as from published.marts.{table}")
            kept = f"* exclude ({PLACES[table]})" if table in PLACES else "*"
            for a, b in (("ours", "theirs"), ("theirs", "ours")):
                differing = f"select count(*) from (select {kept} from {a} except all select {kept} from {b})"
                assert con.execute(differing).fetchall() == [(0,)], table


@pytest.mark.parametrize("form", ["parquet", "pieces"])
def test_parquet_is_sorted_by_its_key_and_says_what_it_holds(exports: Exports, form: str) -> None:
    folder = exports.folder(form)
    with connect(exports.warehouse) as con:
        known, told = marts(con), comments(con)
    tables = tables_of(folder)
    assert tables.keys() == known.keys()
    with duckdb.connect() as con:
        for name, table in tables.items():
            columns = known[name]
            described = [{"name": each, "type": kind, "description": text} for each, (kind, text) in columns.items()]
            assert table["columns"] == described
            keys = con.execute(f"select {', '.join(table['key'])} from {source(folder, table)}").fetchall()
            assert len(keys) == table["n_rows"] == len(set(keys)), name
            inner = ", ".join(each for each in table["key"] if each not in table["partitions"]) or "1"
            files = sorted(folder.glob(table["files"]))
            assert files, name
            for file in files:
                rows = con.execute(f"select {inner} from read_parquet('{file}', hive_partitioning = false)").fetchall()
                assert rows == con.execute(f"select {inner} from '{file}' order by {inner}").fetchall(), file
                assert not table["partitions"] or rows, file
                pairs = con.execute(f"select decode(key), decode(value) from parquet_kv_metadata('{file}')").fetchall()
                metadata = dict(pairs)
                assert metadata["description"] == table["description"] == " ".join(told[name].split())
                assert json.loads(metadata["columns"]) == {each: text for each, (_, text) in columns.items()}


def test_large_marts_are_folders_of_models_and_pairs(exports: Exports) -> None:
    with connect(exports.warehouse) as con:
        pairs = con.execute("select distinct model, other_model from neuron_matches order by all").fetchall()
        counts = dict(con.execute("select model, count(*) from neurons group by all").fetchall())
        ((layers,),) = con.execute("select max(n_layers) from models where model = 'a@50'").fetchall()
    assert ("a", "a@50") in pairs
    folders = {path.parent.relative_to(exports.pieces / "neuron_matches").as_posix()
               for path in (exports.pieces / "neuron_matches").rglob("*.parquet")}  # fmt: skip
    assert folders == {f"model={a}/other_model={b}".replace("@", "%40") for a, b in pairs}
    parts = sorted(path.name for path in (exports.pieces / "neurons" / "model=a%4050").iterdir())
    assert 1 < len(parts) <= layers
    assert parts == [f"part-{number:03}.parquet" for number in range(len(parts))]
    first = [
        pl.read_parquet(path, hive_partitioning=False) for path in (exports.pieces / "neurons").glob("*/part-000*")
    ]
    assert all(len(frame) <= PIECES[next(iter(PIECES))] or frame["layer"].n_unique() == 1 for frame in first)
    assert (exports.pieces / "builds.parquet").is_file()
    read = pl.scan_parquet(exports.pieces / "neurons" / "**" / "*.parquet", hive_partitioning=True)
    assert dict(read.group_by("model").len().collect().rows()) == counts


@pytest.mark.parametrize("name", ["neurons", "neuron_matches", "neuron_examples"])
def test_other_tools_read_the_parquet(exports: Exports, name: str) -> None:
    order = {"neuron_matches": ["model", "other_model", "layer", "neuron", "side", "rank"]}
    by = order.get(name, ["model", "layer", "neuron", *(["rank"] if name == "neuron_examples" else [])])
    with connect(exports.warehouse) as con:
        expected = con.sql(f"select * from {name} order by {', '.join(by)}").pl()
    assert pl.read_parquet(exports.parquet / f"{name}.parquet").sort(by).equals(expected)
    files = exports.pieces / name / "**" / "*.parquet"
    found = pl.scan_parquet(files, hive_partitioning=True).select(expected.columns).sort(by).collect()
    assert found.equals(expected)
    arrow = pyarrow.dataset.dataset(exports.pieces / name, partitioning="hive").to_table()
    assert pl.DataFrame(pl.from_arrow(arrow.select(expected.columns))).sort(by).equals(expected)


def test_the_file_keeps_comments_views_and_rules(exports: Exports) -> None:
    with connect(exports.warehouse) as con, duckdb.connect(exports.duckdb / FILE, read_only=True) as mailed:
        assert marts(mailed) == marts(con)
        assert comments(mailed) == comments(con)
        for rule in ("rule_universal(0.3, 30)", "rule_output_cluster(0.1)"):
            counted = f"select count(*) from marts.{rule}"
            assert mailed.execute(counted).fetchall() == con.execute(counted).fetchall()
        views = mailed.execute("select schema_name || '.' || view_name from duckdb_views() where not internal")
        for (view,) in views.fetchall():
            mailed.execute(f"select * from {view}").fetchall()
        facts = dict(mailed.execute("select name, value from marts.dataset").fetchall())
        assert facts["version of DuckDB"] == duckdb.__version__
        raw = {name for (name,) in mailed.execute("select table_name from duckdb_tables() where schema_name = 'raw'")
               .fetchall()}  # fmt: skip
    assert {"sequences", "partners"} <= raw
    assert not {"moments", "pairs", "feature_sums"} & raw


@pytest.mark.parametrize("form", FORMS)
def test_the_readme_names_every_column(exports: Exports, form: str) -> None:
    text = (exports.folder(form) / "README.md").read_text()
    sections = {part.split("\n")[0]: part for part in text.split("\n### ")[1:]}
    with connect(exports.warehouse) as con:
        known = marts(con)
        models = [name for (name,) in con.execute("select model from models").fetchall()]
        runs = [run for (run,) in con.execute("select run from runs where is_speaking").fetchall()]
        ((n_neurons,),) = con.execute("select count(*) from neurons").fetchall()
    assert set(sections) == set(known)
    for table, columns in known.items():
        for name, (kind, comment) in columns.items():
            described = " ".join(comment.split()).replace("|", "\\|")
            assert f"| `{name}` | {kind.lower()} | {described} |" in sections[table]
    for said in (*models, *runs, duckdb.__version__, "MIT", f"| neurons | {n_neurons:,} |"):
        assert said in text
    assert "MIT License" in (exports.folder(form) / "LICENSE").read_text()


@pytest.mark.parametrize("form", FORMS)
def test_twice_is_the_same_and_takes_the_place_of_the_first(exports: Exports, tmp_path: Path, form: str) -> None:
    target, first = tmp_path / "again", exports.folder(form)
    shutil.copytree(first, target)
    (target / "README.md").write_text("an older one")
    exported(target, exports.warehouse, form)
    assert present(target) == present(first)
    differing = {name for name in present(target) if file_hash(target / name) != file_hash(first / name)}
    # DuckDB lays out its own files as its threads come; their rows and the order of these are the same.
    assert differing <= {FILE}
    if form == "duckdb":
        one, other = rows_of(target / FILE), rows_of(first / FILE)
        assert one.keys() == other.keys()
        assert [table for table in one if one[table] != other[table]] == []
    assert os.listdir(tmp_path) == ["again"]


def test_an_empty_folder_is_filled(exports: Exports, tmp_path: Path) -> None:
    exported(tmp_path, exports.warehouse)
    assert present(tmp_path) == present(exports.parquet)


def test_places_that_are_taken_or_not_there(exports: Exports, tmp_path: Path) -> None:
    file, full, lists = tmp_path / "file", tmp_path / "full", tmp_path / "with-lists"
    file.write_text("mine")
    full.mkdir()
    (full / "thesis.tex").write_text("mine")
    shutil.copytree(exports.parquet, lists)
    lists_folder(lists / FILE).mkdir()
    (lists_folder(lists / FILE) / "mine.json").write_text("{}")
    before = present(tmp_path)
    assert "is a file" in refused(file, exports.warehouse)
    assert "holds thesis.tex" in refused(full, exports.warehouse)
    assert "neurons.duckdb.lists/mine.json" in refused(lists, exports.warehouse)
    assert "make it first" in refused(tmp_path / "no" / "where", exports.warehouse)
    assert "cannot be written" in refused(Path("/proc/self/out"), exports.warehouse)
    assert present(tmp_path) == before


def test_nothing_to_export(tmp_path: Path) -> None:
    warehouse = tmp_path / "w" / FILE
    warehouse.parent.mkdir()
    assert "neurons demo" in refused(tmp_path / "out", warehouse)
    with duckdb.connect(warehouse) as con:
        con.execute("create schema marts; create table marts.models (model varchar)")
    assert "run `neurons build`" in refused(tmp_path / "out", warehouse)
    with duckdb.connect(warehouse) as con:
        con.execute("create table marts.builds as select 'b' as build, now() as built_at")
    assert "of another version" in refused(tmp_path / "out", warehouse)
    assert os.listdir(tmp_path) == ["w"]


@pytest.mark.parametrize("form", ["parquet", "pieces"])
@pytest.mark.parametrize("place", ["exported_parquet:_write", "dataset_card:_readme", "export:_move"])
def test_killed_on_the_way_it_leaves_no_folder_and_the_next_one_cleans_up(
    exports: Exports, tmp_path: Path, place: str, form: str
) -> None:
    target = tmp_path / "out"
    call = 40 if place.endswith("_write") else 1
    killed = export(target, exports.warehouse, form, bomb=Bomb(f"ingest.recipes.{place}", call))
    assert killed.code < 0
    assert not target.exists()
    assert len(os.listdir(tmp_path)) == 1
    exported(target, exports.warehouse, form)
    assert present(target) == present(exports.folder(form))
    assert os.listdir(tmp_path) == ["out"]


@pytest.mark.parametrize("form", FORMS)
def test_a_full_disk(exports: Exports, tmp_path: Path, form: str) -> None:
    ended = export(tmp_path / "out", exports.warehouse, form, largest_file=1_000 if form == "pieces" else 4_000)
    assert "is full: make room" in one_line_of_refusal(ended)
    assert os.listdir(tmp_path) == []
