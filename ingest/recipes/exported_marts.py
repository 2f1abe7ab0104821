"""What is exported: the marts with their descriptions, keys and rows; as Parquet, one file each."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
import yaml

from app.publish import literal, quoted
from ingest.settings import ROOT

# Text that names a place of the machine that measured: only the last part of a path is passed on. A hub id stays.
_PLACES = {("models", "source"), ("runs", "corpus")}
_MEASURED = ("DOUBLE", "FLOAT", "BOOLEAN", "BLOB", "JSON", "TIMESTAMP")


@dataclass(frozen=True)
class Column:
    """A column of a mart: its name, DuckDB's type, what it means."""

    name: str
    type: str
    description: str


@dataclass(frozen=True)
class Mart:
    """A table or view of the schema `marts`.

    Attributes:
        name: of the relation.
        description: what a row is.
        is_view: whether it is computed when it is read.
        key: columns that its rows are sorted by.
        columns: in their order.
        n_rows: rows that were written; 0 before.
    """

    name: str
    description: str
    is_view: bool
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    n_rows: int = 0


def marts_of(con: duckdb.DuckDBPyConnection) -> list[Mart]:
    """The marts of the database that a connection uses, by name."""
    relations = con.execute(
        "select table_name, coalesce(comment, ''), false from duckdb_tables() "
        "where database_name = current_database() and schema_name = 'marts' union all "
        "select view_name, coalesce(comment, ''), true from duckdb_views() "
        "where database_name = current_database() and schema_name = 'marts' order by all"
    ).fetchall()
    columns: dict[str, list[Column]] = {}
    for table, *column in con.execute(
        "select table_name, column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        "where database_name = current_database() and schema_name = 'marts' order by table_name, column_index"
    ).fetchall():
        columns.setdefault(table, []).append(Column(*column))
    keys = _unique_keys()
    return [
        Mart(name, " ".join(text.split()), is_view, _key(columns[name], keys.get(name)), tuple(columns[name]))
        for name, text, is_view in relations
    ]


def _unique_keys() -> dict[str, list[str]]:
    """Columns that identify a row of a mart, where dbt tests that they do."""
    keys = {}
    for file in (ROOT / "models" / "marts").glob("*.yml"):
        for model in yaml.safe_load(file.read_text(encoding="utf-8"))["models"]:
            for test in model.get("data_tests", []):
                if isinstance(test, dict) and "unique_key" in test:
                    keys[model["name"]] = test["unique_key"]["arguments"]["columns"]
    return keys


def _key(columns: list[Column], tested: list[str] | None) -> tuple[str, ...]:
    """Columns to sort by: the tested key, or else what stands in front of the first measurement."""
    names = [column.name for column in columns]
    if tested is not None and set(tested) <= set(names):
        return tuple(tested)
    # Views of many rows are not tested in every build; their key leads.
    first = next((i for i, c in enumerate(columns) if c.type.startswith(_MEASURED) or c.type.endswith("]")), None)
    return tuple(names[: max(first, 1) if first is not None else None])


def write_parquet(
    con: duckdb.DuckDBPyConnection, marts: list[Mart], folder: Path, say: Callable[[str], None]
) -> list[Mart]:
    """One file per mart, views too, sorted by key; descriptions are in each file's key-value metadata.

    Returns the marts with their rows counted.

    Raises:
        duckdb.Error: if a mart cannot be read or written.
    """
    written = []
    for mart in marts:
        file = folder / f"{mart.name}.parquet"
        metadata = {
            "description": mart.description,
            "key": json.dumps(mart.key),
            "columns": json.dumps({column.name: column.description for column in mart.columns}, ensure_ascii=False),
        }
        pairs = ", ".join(f"{name}: {literal(text)}" for name, text in metadata.items())
        order = ", ".join(quoted(name) for name in mart.key)
        ((n_rows,),) = con.execute(
            f"copy (select {selected(mart.name)} from marts.{quoted(mart.name)} order by {order}) "
            f"to {literal(str(file))} (format parquet, compression zstd, kv_metadata {{{pairs}}})"
        ).fetchall()
        written.append(replace(mart, n_rows=n_rows))
        say(f"{mart.name}: {n_rows:,} rows, {file.stat().st_size / 1e6:,.1f} MB")
    return written


def selected(mart: str) -> str:
    """What is selected of a mart: everything, with places of this machine reduced to their last part."""
    replaced = [f"{_last_part(column)} as {column}" for table, column in sorted(_PLACES) if table == mart]
    return f"* replace ({', '.join(replaced)})" if replaced else "*"


def _last_part(column: str) -> str:
    is_public = f"starts_with({column}, 'hf:') or regexp_full_match({column}, '[A-Za-z0-9][\\w.-]*/[\\w.-]+')"
    return f"case when {is_public} then {column} else regexp_replace({column}, '^(\\w+:)?.*/([^/]+)/*$', '\\1\\2') end"
