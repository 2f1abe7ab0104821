"""Write raw tables: short transactions in one DuckDB file, held for seconds at a time."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import polars as pl

from app.exported_folder import MARK, is_card
from app.publish import NO_BAR
from app.warehouse import writer_of
from ingest.errors import InputError, WarehouseBusy, first_line, is_disk_full
from ingest.tables import MOMENTS, PARTIAL_BESTS, PARTS, RUNS, SCHEMA, TABLES

_Done = TypeVar("_Done")
# SQL and its parameters.
Statement = tuple[str, list[Any]]
# An ingest that saves often holds the file for most of each second where the disk is slow.
_PATIENCE_S = 10.0
_EXISTS = "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?"


class _DiskFull(InputError):
    """A write failed for want of room."""


class RawWarehouse:
    """The warehouse as the ingest sees it: opened, written to and closed again, part by part."""

    def __init__(self, path: Path) -> None:
        """A file that is made when it is first written to."""
        self.path = path

    @contextmanager
    def _connection(self) -> Iterator[duckdb.DuckDBPyConnection]:
        connection = self._open()
        try:
            yield connection
        finally:
            connection.close()

    def _open(self) -> duckdb.DuckDBPyConnection:
        """The database, waiting a moment for a reader that is just copying it or an ingest that is just writing."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                connection = duckdb.connect(self.path)
                connection.execute(NO_BAR)
                return connection
            except duckdb.Error as error:
                self._refuse_full_disk(error)
                holder = writer_of(error)
                if holder is None:
                    raise InputError(
                        f"{self.path} cannot be opened as a DuckDB database ({first_line(error)}): "
                        "name another --warehouse"
                    ) from None
                if time.monotonic() > deadline:
                    raise held(self.path, holder) from None
            time.sleep(0.05)

    def check(self) -> None:
        """Refuse a warehouse that cannot be written to now, without changing anything.

        Raises:
            WarehouseBusy: if another process holds it.
            InputError: if the file is no DuckDB database, or cannot be made where it is wanted.
        """
        if self.path.is_dir():
            raise InputError(f"{self.path} is a folder: name a file with --warehouse")
        if self.path.exists():
            # The next build would empty an export's marts: it lacks the rows that they follow from.
            if is_card(self.path) or self._has_mark():
                raise InputError(f"{self.path} is an export, which is only read: name another --warehouse")
            return
        nearest = next(folder for folder in self.path.parents if folder.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise InputError(f"no warehouse can be made in {self.path.parent}: name another --warehouse")

    def _has_mark(self) -> bool:
        with self._connection() as connection:
            found = connection.execute(_EXISTS, ["marts", MARK]).fetchall()
        return bool(found[0][0])

    def read(self, query: str, parameters: list[Any] | None = None) -> pl.DataFrame:
        """Rows of a query; none where the warehouse or its tables do not exist yet."""
        if not self.path.exists():
            return pl.DataFrame()
        with self._connection() as connection:
            found = connection.execute(_EXISTS, [SCHEMA, RUNS.name]).fetchall()
            if not found[0][0]:
                return pl.DataFrame()
            frame: pl.DataFrame = connection.sql(query, params=parameters).pl()
            return frame

    def write(
        self,
        inserts: Iterable[tuple[str, pl.DataFrame]],
        *,
        before: Sequence[Statement] = (),
        after: Callable[[], Sequence[Statement]] = tuple,
        wait: Callable[[str], None] | None = None,
    ) -> None:
        """Insert rows into raw tables, all in one transaction.

        Args:
            inserts: (table name, rows with the table's columns); taken one by one once the warehouse is open, so that
                rows that are many need not all be in memory.
            before: statements and their parameters that run first in the same transaction.
            after: called when the rows are in, for those that run last.
            wait: called with a line when another process holds the warehouse; the write is then tried again until it
                succeeds. Without it the write fails at once.

        Raises:
            WarehouseBusy: if another process holds the warehouse and `wait` is None.
            InputError: if the disk is full.
        """
        if wait is None:
            self._write_once(inserts, before, after)
        else:
            when_free(lambda: self._write_once(inserts, before, after), wait)

    def forget_parts(self, run: str, copied: Sequence[Statement] = ()) -> None:
        """Delete the finished parts of a run with their sums, so that it begins anew.

        Args:
            run: whose.
            copied: statements and their parameters that bring back what it took over from another run.
        """
        with self._connection() as connection:
            connection.begin()
            for table in (PARTS, MOMENTS, PARTIAL_BESTS):
                connection.execute(f"delete from {SCHEMA}.{table.name} where run = ?", [run])
            for statement, parameters in copied:
                connection.execute(statement, parameters)
            connection.commit()

    def _write_once(
        self,
        inserts: Iterable[tuple[str, pl.DataFrame]],
        before: Sequence[Statement],
        after: Callable[[], Sequence[Statement]],
    ) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        try:
            with self._connection() as connection:
                try:
                    _insert(connection, inserts, before, after)
                except duckdb.Error as error:
                    self._refuse_full_disk(error)
                    raise
        except _DiskFull:
            if is_new:  # the beginning of a database is none, and could not be opened when there is room again
                for file in (self.path, self.path.with_name(self.path.name + ".wal")):
                    file.unlink(missing_ok=True)
            raise

    def _refuse_full_disk(self, error: duckdb.Error) -> None:
        if is_disk_full(error):
            raise _DiskFull(
                f"the disk of {self.path} is full: make room and start again, finished parts are kept"
            ) from None


def held(path: Path, holder: str) -> WarehouseBusy:
    """The error that names the process which holds a warehouse; an empty holder is one of our own connections."""
    who = f"process {holder}" if holder else "another connection"
    return WarehouseBusy(f"the warehouse {path} is held by {who}: end it, or wait")


def when_free(work: Callable[[], _Done], say: Callable[[str], None]) -> _Done:
    """Do the work, trying again while another process holds the warehouse; the holder is named once.

    Args:
        work: raises WarehouseBusy while it cannot be done.
        say: called with a line when it has to wait.
    """
    told = False
    while True:
        try:
            return work()
        except WarehouseBusy as busy:
            if not told:
                say(f"waiting: {busy}")
                told = True
            time.sleep(1.0)


def _insert(
    connection: duckdb.DuckDBPyConnection,
    inserts: Iterable[tuple[str, pl.DataFrame]],
    before: Sequence[Statement],
    after: Callable[[], Sequence[Statement]],
) -> None:
    """Make missing tables, and insert everything in one transaction."""
    connection.execute(f"create schema if not exists {SCHEMA}")
    query = "select table_name from duckdb_tables() where schema_name = ?"
    existing = {name for (name,) in connection.execute(query, [SCHEMA]).fetchall()}
    for table in TABLES:
        if table.name not in existing:
            for statement in table.ddl():
                connection.execute(statement)
    connection.begin()
    for statement, parameters in before:
        connection.execute(statement, parameters)
    for name, frame in inserts:
        connection.register("incoming", frame.rechunk())  # twice as fast as many small chunks
        connection.execute(f"insert into {SCHEMA}.{name} by name select * from incoming")
        connection.unregister("incoming")
    for statement, parameters in after():
        connection.execute(statement, parameters)
    connection.commit()
    connection.execute("checkpoint")
