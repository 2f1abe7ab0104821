"""Write raw tables: short transactions in one DuckDB file, held for seconds at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from ingest.errors import InputError, WarehouseBusy
from ingest.tables import RUNS, SCHEMA, TABLES

_HOLDER = re.compile(r"held in (.+?) \(PID (\d+)\)")


class RawWarehouse:
    """The warehouse as the ingest sees it: opened, written to and closed again, part by part."""

    def __init__(self, path: Path) -> None:
        """A file that is made when it is first written to."""
        self.path = path

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        try:
            connection = duckdb.connect(self.path)
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise WarehouseBusy(f"the warehouse {self.path} is held by {_holder(error)}: end it, or wait") from None
            if "not a valid DuckDB database" in str(error):
                raise InputError(f"{self.path} is no DuckDB database: name another --warehouse") from None
            raise InputError(f"the warehouse {self.path} cannot be opened: {_first_line(error)}") from None
        except duckdb.Error as error:
            raise InputError(f"{self.path} is no usable DuckDB database: {_first_line(error)}") from None
        try:
            yield connection
        finally:
            connection.close()

    def check(self) -> None:
        """Refuse a warehouse that cannot be written to now, without changing anything.

        Raises:
            WarehouseBusy: if another process holds it.
            InputError: if the file is no DuckDB database or its folder is no folder.
        """
        if self.path.exists():
            with self._connection():
                pass
        elif self.path.parent.exists() and not self.path.parent.is_dir():
            raise InputError(f"{self.path.parent} is no folder: name another --warehouse")

    def read(self, query: str, parameters: list[Any] | None = None) -> pl.DataFrame:
        """Rows of a query; none where the warehouse or its tables do not exist yet."""
        if not self.path.exists():
            return pl.DataFrame()
        with self._connection() as connection:
            found = connection.execute(
                "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?", [SCHEMA, RUNS.name]
            ).fetchall()
            if not found[0][0]:
                return pl.DataFrame()
            return connection.sql(query, params=parameters).pl()

    def write(
        self,
        inserts: Sequence[tuple[str, pl.DataFrame]],
        *,
        before: tuple[str, list[Any]] | None = None,
        wait: Callable[[str], None] | None = None,
    ) -> None:
        """Insert rows into raw tables, all in one transaction.

        Args:
            inserts: (table name, rows with the table's columns).
            before: a statement and its parameters that runs first in the same transaction.
            wait: called with a line when another process holds the warehouse; the write is then tried again until it
                succeeds. Without it the write fails at once.

        Raises:
            WarehouseBusy: if another process holds the warehouse and `wait` is None.
            InputError: if the disk is full.
        """
        told = False
        while True:
            try:
                self._write_once(inserts, before)
                return
            except WarehouseBusy as busy:
                if wait is None:
                    raise
                if not told:
                    wait(f"waiting: {busy}")
                    told = True
                time.sleep(1.0)

    def _write_once(self, inserts: Sequence[tuple[str, pl.DataFrame]], before: tuple[str, list[Any]] | None) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            try:
                connection.execute(f"create schema if not exists {SCHEMA}")
                existing = {
                    name
                    for (name,) in connection.execute(
                        "select table_name from duckdb_tables() where schema_name = ?", [SCHEMA]
                    ).fetchall()
                }
                for table in TABLES:
                    if table.name not in existing:
                        for statement in table.ddl():
                            connection.execute(statement)
                connection.begin()
                if before is not None:
                    connection.execute(before[0], before[1])
                for name, frame in inserts:
                    connection.register("incoming", frame)
                    connection.execute(f"insert into {SCHEMA}.{name} by name select * from incoming")
                    connection.unregister("incoming")
                connection.commit()
                connection.execute("checkpoint")
            except duckdb.Error as error:
                if "no space" in str(error).lower() or "disk" in str(error).lower():
                    raise InputError(
                        f"the disk of {self.path} is full: make room and start again, finished parts are kept"
                    ) from None
                raise


def _holder(error: duckdb.Error) -> str:
    found = _HOLDER.search(str(error))
    return f"{Path(found[1]).name} (process {found[2]})" if found else "another process"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
