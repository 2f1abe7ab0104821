"""Read a warehouse's tables, and compare two warehouses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from ingest.tables import TABLES

# Times of day, what the machine held, and which parts' state was saved: that depends on how fast the machine is.
_OF_THE_MACHINE = ("started_at", "finished_at", "done_at", "peak_memory", "state_file", "state_hash")


@contextmanager
def opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A read-only connection."""
    connection = duckdb.connect(warehouse, read_only=True)
    try:
        yield connection
    finally:
        connection.close()


def rows(warehouse: Path, query: str, **parameters: object) -> pl.DataFrame:
    """The rows of a query."""
    with opened(warehouse) as connection:
        found: pl.DataFrame = connection.sql(query, params=parameters or None).pl()
    return found


def differing_rows(one: Path, other: Path) -> dict[str, int]:
    """Rows of raw tables that only one of two warehouses has, by table; what a machine's speed decides is left out."""
    found: dict[str, int] = {}
    with duckdb.connect() as connection:
        for name, file in (("one", one), ("other", other)):
            connection.execute(f"attach '{file}' as {name} (read_only)")
        for table in TABLES:
            columns = ", ".join(column.name for column in table.columns if column.name not in _OF_THE_MACHINE)
            sides = [f"select {columns} from {name}.raw.{table.name}" for name in ("one", "other")]
            for a, b in (sides, sides[::-1]):
                count = connection.execute(f"select count(*) from ({a} except all {b})").fetchall()[0][0]
                found[table.name] = found.get(table.name, 0) + int(count)
    return {name: count for name, count in found.items() if count}


def not_finite(warehouse: Path) -> list[str]:
    """Columns of any table or view, lists among them, that hold a NaN or an infinity."""
    broken = []
    with opened(warehouse) as connection:
        columns = connection.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() "
            "where not internal and regexp_matches(data_type, '^(FLOAT|DOUBLE)(\\[\\d*\\])?$')"
        ).fetchall()
        for schema, table, column, kind in columns:
            one, many = f'not isfinite("{column}")', f'list_bool_or([not isfinite(x) for x in "{column}"::double[]])'
            query = f'select count(*) from "{schema}"."{table}" where {many if "[" in kind else one}'
            if connection.execute(query).fetchall()[0][0]:
                broken.append(f"{schema}.{table}.{column}")
    assert any("[" in kind for *_, kind in columns)
    return broken


def file_hash(file: Path) -> str | None:
    """Hash of a file's bytes; None without the file."""
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.exists() else None
