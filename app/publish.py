"""Copies of the warehouse for readers: `<n>.duckdb`, each complete from the moment it has its name.

One process writes the warehouse, so readers get copies. Publishers take turns with a lock file; a copy is written
under a temporary name and renamed, so whoever is killed half-way leaves nothing that a reader would open.
"""

from __future__ import annotations

import fcntl
import os
import re
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from app.errors import ReaderError
from app.exported_folder import MARK, attach_views, is_card
from app.quoting import literal, quoted

KEPT = 2
# DuckDB draws its bar on the standard output, in the midst of an answer that goes to a file.
NO_BAR = "set enable_progress_bar = false"
_VERSION = re.compile(r"(\d+)\.duckdb")
_TEMPORARY = ".copy-"
_RESERVED = {"memory", "system", "temp", "main"}


def published_folder(warehouse: Path) -> Path:
    """Folder of the published versions; warehouses that share a folder do not share this one."""
    folder = warehouse.parent / "published"
    return folder if warehouse.stem == "neurons" else folder / warehouse.stem


def catalog_name(warehouse: Path) -> str:
    """Catalog name under which the warehouse and all its versions are attached."""
    return f"{warehouse.stem}_" if warehouse.stem.lower() in _RESERVED else warehouse.stem


def versions(warehouse: Path) -> list[Path]:
    """Published versions, oldest first."""
    folder = published_folder(warehouse)
    if not folder.is_dir():
        return []
    numbered = [(int(m[1]), path) for path in folder.iterdir() if (m := _VERSION.fullmatch(path.name))]
    return [path for _, path in sorted(numbered)]


def publish(warehouse: Path) -> Path | None:
    """Publishes the warehouse's marts if they were built since the last time.

    Returns the new version, or None if there is nothing new (also: nothing built yet).

    Raises:
        duckdb.Error: the warehouse cannot be opened, for example because a writer holds it.
    """
    if build_id(warehouse) is None:
        return None
    with _turn(warehouse) as got_turn:
        return _publish(warehouse) if got_turn else None


def try_publish(warehouse: Path) -> Path | None:
    """As `publish`, but gives up at once (None) while another process is publishing."""
    if build_id(warehouse) is None:
        return None
    with _turn(warehouse, wait=False) as got_turn:
        return _publish(warehouse) if got_turn else None


def number_of(version: Path) -> int:
    """Number of a published version; 1 of an export, which has no other."""
    named = _VERSION.fullmatch(version.name)
    return int(named[1]) if named else 1


def is_current(warehouse: Path, version: Path) -> bool:
    """Whether the version was made from the warehouse as it lies there, judged by times alone."""
    return version.stat().st_mtime_ns == _changed_at(warehouse)


def build_id(database: Path) -> str | None:
    """Id of the last dbt build in a warehouse or in a published version; None if nothing was built in it.

    Raises:
        duckdb.Error: the file cannot be opened.
    """
    with closing(attached(database, "built")) as con:
        return _build_id(con, "built")


def is_export(database: Path) -> bool:
    """Whether a database is an export: nobody writes it, so that readers need no copy.

    Raises:
        duckdb.Error: the file cannot be opened.
    """
    with closing(attached(database, "looked_at")) as con:
        return _has_mart(con, "looked_at", MARK)


def attached(database: Path, name: str) -> duckdb.DuckDBPyConnection:
    """A connection of its own with the file attached, read-only, under this catalog name.

    Raises:
        duckdb.Error: the file cannot be opened.
        NoWarehouse: it is in object storage, and cannot be read there.
    """
    # A memory database with the file attached, rather than the file itself: the catalog keeps its name whatever the
    # file's name is, and two connections of one process may have different settings.
    con = duckdb.connect(
        ":memory:",
        config={
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "temp_directory": "",
        },
    )
    try:
        con.execute(NO_BAR)
        if is_card(database):
            attach_views(con, database, name)
        else:
            con.execute(f"attach {literal(str(database))} as {quoted(name)} (read_only)")
    except (duckdb.Error, ReaderError):
        con.close()
        raise
    return con


def _publish(warehouse: Path) -> Path | None:
    """Makes the next version. The caller holds the turn."""
    folder = published_folder(warehouse)
    _remove_leftovers(folder)
    changed_at = _changed_at(warehouse)
    existing = versions(warehouse)
    name = catalog_name(warehouse)
    with closing(attached(warehouse, name)) as con:
        build = _build_id(con, name)
        if build is None:
            return None
        if existing and build == build_id(existing[-1]):
            # Something else was written, say raw rows. Next time the comparison of times says so without opening it.
            os.utime(existing[-1], ns=(changed_at, changed_at))
            return None
        temporary = folder / f"{_TEMPORARY}{uuid.uuid4().hex}"
        try:
            _copy(con, name, temporary)
            os.utime(temporary, ns=(changed_at, changed_at))
            sync(temporary)
            final = folder / f"{int(existing[-1].stem) + 1 if existing else 1}.duckdb"
            temporary.rename(final)
        finally:
            temporary.unlink(missing_ok=True)
    sync(folder)
    # A reader that has one of these open keeps it until it closes it: the file goes when the last of them does.
    for old in existing[: 1 - KEPT]:
        old.unlink(missing_ok=True)
    return final


def _copy(con: duckdb.DuckDBPyConnection, name: str, target: Path) -> None:
    """Copies everything, views, macros and comments too, without the free space of the original."""
    con.execute(f"attach {literal(str(target))} as target_of_copy")
    con.execute(f"copy from database {quoted(name)} to target_of_copy")
    con.execute("checkpoint target_of_copy")
    con.execute("detach target_of_copy")


@contextmanager
def _turn(warehouse: Path, wait: bool = True) -> Iterator[bool]:
    """Holds the publishers' lock; yields False if it is taken and `wait` is off."""
    folder = published_folder(warehouse)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
        else:
            yield True


def _remove_leftovers(folder: Path) -> None:
    # Whoever writes such a file holds the turn, and we have it now: these are of processes that were killed.
    for path in folder.glob(f"{_TEMPORARY}*"):
        path.unlink(missing_ok=True)


def _build_id(con: duckdb.DuckDBPyConnection, catalog: str) -> str | None:
    if not _has_mart(con, catalog, "builds"):
        return None
    last = f"select cast(build as varchar) from {quoted(catalog)}.marts.builds order by built_at desc limit 1"
    row = con.execute(last).fetchone()
    return None if row is None else str(row[0])


def _has_mart(con: duckdb.DuckDBPyConnection, catalog: str, table: str) -> bool:
    found = con.execute(
        "select 1 from duckdb_tables() where (database_name, schema_name, table_name) = ($1, 'marts', $2)",
        [catalog, table],
    )
    return bool(found.fetchall())


def _changed_at(warehouse: Path) -> int:
    """When the warehouse was last written, its write-ahead log included."""
    log = warehouse.with_name(warehouse.name + ".wal")
    return max(path.stat().st_mtime_ns for path in (warehouse, log) if path is warehouse or path.exists())


def sync(path: Path) -> None:
    """Waits until a file or a folder's list of names is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
