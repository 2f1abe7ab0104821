"""What `neurons status` tells: runs with their parts, tables with their sizes."""

from __future__ import annotations

import json
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl

from app.exported_folder import is_card
from app.publish import attached, catalog_name
from app.quoting import quoted
from app.sandbox import plain_integers
from app.warehouse import newest, writer_of

_TABLES = """
select schema_name as "schema", table_name as "table", estimated_size as n_rows, column_count as n_columns
from duckdb_tables() where database_name = current_database() order by all
"""
_RUNS = """
select r.run, r.study, r.status,
    r.n_parts * coalesce(r.n_passes, 1) as n_parts, coalesce(p.n_done, 0) as n_parts_done,
    coalesce(m.n_models, 0) as n_models, r.n_tokens, r.started_at, r.finished_at
from raw.runs as r
left join (select run, count(*) as n_done from raw.parts group by run) as p using (run)
left join (select run, count(*) as n_models from raw.models group by run) as m using (run)
order by r.started_at, r.run
"""


@dataclass(frozen=True)
class Status:
    """The state of a warehouse.

    Attributes:
        tables: schema, table, n_rows, n_columns.
        runs: run, study, status, n_parts, n_parts_done, n_models, n_tokens, started_at, finished_at.
        n_bytes: size of the file that was read.
        note: why this is not the state of this moment, or None if it is.
    """

    tables: pl.DataFrame
    runs: pl.DataFrame
    n_bytes: int
    note: str | None = None


def storage_summary(warehouse: Path, patience_s: float = 2.0) -> Status:
    """Reads the warehouse itself if it can be opened within `patience_s`, else what was published last.

    Raises:
        NoWarehouse: there is no database, or the file is not one.
        NothingPublished: a writer holds it and nothing was published before.
    """
    until = time.monotonic() + patience_s
    while warehouse.exists():
        try:
            return _read(warehouse, catalog_name(warehouse))
        except duckdb.Error as error:
            pid = writer_of(error)
            if pid is None or time.monotonic() > until:
                break
            time.sleep(0.1)
    note = "the warehouse is being written: this is the version that was published last"
    return _read(newest(warehouse), catalog_name(warehouse), note)


def _read(database: Path, catalog: str, note: str | None = None) -> Status:
    with closing(attached(database, catalog)) as con:
        con.execute(f"use {quoted(catalog)}")
        con.execute("detach memory")
        tables = plain_integers(con.sql(_TABLES).pl())
        names = {(schema, table) for schema, table, *_ in tables.iter_rows()}
        if {("raw", "runs"), ("raw", "parts"), ("raw", "models")} <= names:
            runs = con.sql(_RUNS).pl()
        else:
            runs = pl.DataFrame(schema=_RUN_COLUMNS)
    if is_card(database):
        told = json.loads(database.read_text(encoding="utf-8"))
        rows = [("marts", each["name"], each["n_rows"], len(each["columns"])) for each in told["tables"]]
        tables = pl.DataFrame(rows, schema=tables.schema, orient="row")
        return Status(tables, plain_integers(runs), sum(each["n_bytes"] for each in told["files"]), note)
    return Status(tables, plain_integers(runs), database.stat().st_size, note)


_RUN_COLUMNS: dict[str, pl.DataType] = {
    **{name: pl.String() for name in ("run", "study", "status")},
    **{name: pl.Int64() for name in ("n_parts", "n_parts_done", "n_models", "n_tokens")},
    **{name: pl.Datetime(time_zone="UTC") for name in ("started_at", "finished_at")},
}
