"""What is exported: the marts with their descriptions, keys and columns."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import yaml

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
        files: where its rows lie as Parquet, as a pattern; nothing in one DuckDB file.
        partitions: columns whose values stand in the names of its folders.
    """

    name: str
    description: str
    is_view: bool
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    n_rows: int = 0
    files: str = ""
    partitions: tuple[str, ...] = ()


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
                if isinstance(test, dict) and "valid" in test:
                    keys[model["name"]] = test["valid"]["arguments"]["key"]
    return keys


def _key(columns: list[Column], tested: list[str] | None) -> tuple[str, ...]:
    """Columns to sort by: the tested key, or else what stands in front of the first measurement."""
    names = [column.name for column in columns]
    if tested is not None and set(tested) <= set(names):
        return tuple(tested)
    # Views of many rows are not tested in every build; their key leads.
    first = next((i for i, c in enumerate(columns) if c.type.startswith(_MEASURED) or c.type.endswith("]")), None)
    return tuple(names[: max(first, 1) if first is not None else None])


def selected(mart: str) -> str:
    """What is selected of a mart: everything, with places of this machine reduced to their last part."""
    replaced = [f"{_last_part(column)} as {column}" for table, column in sorted(_PLACES) if table == mart]
    return f"* replace ({', '.join(replaced)})" if replaced else "*"


def _last_part(column: str) -> str:
    is_public = f"starts_with({column}, 'hf:') or regexp_full_match({column}, '[A-Za-z0-9][\\w.-]*/[\\w.-]+')"
    return f"case when {is_public} then {column} else regexp_replace({column}, '^(\\w+:)?.*/([^/]+)/*$', '\\1\\2') end"
