"""The read-only connection to what was published last, for the explorer, the command line and notebooks."""

from __future__ import annotations

import os
import re
from contextlib import closing
from pathlib import Path

import duckdb

from app.errors import NothingPublished, NoWarehouse
from app.exported_folder import database_in
from app.publish import (
    attached,
    catalog_name,
    is_current,
    is_export,
    number_of,
    publish,
    published_folder,
    try_publish,
    versions,
)
from app.quoting import quoted

__all__ = [
    "attach_newest",
    "connect",
    "cursor",
    "default_warehouse",
    "newest",
    "own_warehouse",
    "publish",
    "published_folder",
    "readers_memory",
    "version_of",
    "writer_of",
]

_HOW_TO_START = "run `neurons demo`, or `neurons ingest STUDY.toml` and then `neurons build`"
_GIB = 1024**3
_HELD = re.compile(r"conflicting lock|could not set lock|with a different configuration|unique file handle", re.I)


def own_warehouse() -> Path:
    """The repository's own database, which `neurons demo` fills if no other is named."""
    return Path(__file__).resolve().parent.parent / "warehouse" / "neurons.duckdb"


def default_warehouse() -> Path:
    """The database that $NEURONS_WAREHOUSE names, or else the repository's own."""
    named = os.environ.get("NEURONS_WAREHOUSE")
    return database_in(named) if named else own_warehouse()


def newest(warehouse: Path) -> Path:
    """The newest published version; publishes first if there is a newer build and no writer holds the warehouse.

    An export is its own and only version.

    Raises:
        NoWarehouse: there is neither a database nor a published version, or the file is not a database.
        NothingPublished: there is a database, but no version of it that could be read.
    """
    existing = versions(warehouse)
    if not warehouse.exists():
        if existing:
            return existing[-1]
        raise NoWarehouse(f"there is no warehouse yet: {_HOW_TO_START}")
    if existing and is_current(warehouse, existing[-1]):
        return existing[-1]
    reason = "the warehouse holds no marts yet: run `neurons build`"
    try:
        if not existing and is_export(warehouse):
            return warehouse
        # With something to show, nobody waits for another process that is copying.
        made = try_publish(warehouse) if existing else publish(warehouse)
        if made is not None:
            return made
    except (duckdb.Error, OSError) as error:
        reason = _reason(error)
        if not existing and writer_of(error) is None and not isinstance(error, OSError):
            raise NoWarehouse(reason) from error
    existing = versions(warehouse)
    if not existing:
        raise NothingPublished(reason)
    return existing[-1]


def connect(
    warehouse: Path | str | None = None, *, timeout_s: float | None = None, memory: int | None = None
) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the newest published version, schema `marts` first.

    `connect().sql("select ...").pl()` is a Polars frame. The connection stays usable, on its version, while newer ones
    are published: connect again to see them. It reaches no file but its own, changes none of its settings, loads no
    extension, and its only place to write is temporary tables. Take a `cursor` per thread.

    Args:
        warehouse: the database whose published version is meant, or an export, on this machine or in object storage;
            $NEURONS_WAREHOUSE if not given, or else the one that `neurons demo` fills.
        timeout_s: DuckDB stops every query of the connection after this many seconds.
        memory: bytes that DuckDB may hold; a share of the machine's if not given.

    Raises:
        NoWarehouse: there is no database.
        NothingPublished: nothing of it can be read yet.
    """
    warehouse = default_warehouse() if warehouse is None else database_in(warehouse)
    name = catalog_name(warehouse)
    con = attach_newest(warehouse, name)
    settings = {
        "memory_limit": f"'{memory or readers_memory()}B'",
        "threads": str(min(4, os.cpu_count() or 1)),
        "global max_execution_time": str(0 if timeout_s is None else max(1, round(timeout_s * 1000))),
        "enable_external_access": "false",
        "lock_configuration": "true",  # last: nothing changes after it
    }
    con.execute(f"use {quoted(name)}")
    con.execute("detach memory")  # what was attached is then all there is
    for setting, value in settings.items():
        con.execute(f"set {setting} = {value}")
    con.execute("set search_path = 'marts'")
    return con


def cursor(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A cursor for one thread or one query; unlike one from `con.cursor()` it looks in `marts` first."""
    made = con.cursor()
    made.execute("set search_path = 'marts'")
    return made


def version_of(con: duckdb.DuckDBPyConnection) -> int:
    """Number of the published version that a connection reads, to compare with `newest(...)`."""
    with closing(con.cursor()) as look:
        row = look.execute("select path from duckdb_databases() where path is not null").fetchone()
    return number_of(Path(row[0])) if row else 1


def writer_of(error: BaseException) -> str | None:
    """The process number of the writer that holds the database, if that is what the error says; "" if it names none."""
    text = str(error)
    if _HELD.search(text) is None:
        return None
    found = re.search(r"\bPID (\d+)", text)
    return found[1] if found else ""


def attach_newest(warehouse: Path, name: str) -> duckdb.DuckDBPyConnection:
    """A connection of its own with the newest version attached, read-only, under this catalog name.

    Raises:
        NoWarehouse: there is no database.
        NothingPublished: nothing of it can be read yet.
    """
    path = newest(warehouse)
    try:
        return attached(path, name)
    except duckdb.Error:
        # Two versions may have been published since we looked, and ours removed.
        if path.exists():
            raise
        return attached(newest(warehouse), name)


def _reason(error: BaseException) -> str:
    """Why the warehouse cannot be read, without file names."""
    pid = writer_of(error)
    if pid is not None:
        who = f"process {pid}" if pid else "another connection of this process"
        return f"{who} is writing the warehouse and nothing was published before: try again when it is done"
    if isinstance(error, OSError):
        return f"the folder of published versions cannot be written ({error.strerror})"
    return "the warehouse cannot be opened: no DuckDB file, or one of a newer DuckDB; name another with --warehouse"


def readers_memory() -> int:
    """Bytes that DuckDB may hold: a quarter of the machine's memory, between 512 MiB and 4 GiB: readers are many."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(4 * _GIB, max(_GIB // 2, physical // 4))
