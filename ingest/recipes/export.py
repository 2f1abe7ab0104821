"""Marts as files that someone else can open. Run it as `neurons export`."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal

import duckdb

from app.exported_folder import CARD, is_card
from app.publish import catalog_name, sync
from app.quoting import literal, quoted
from app.warehouse import attach_newest, readers_memory
from ingest.errors import InputError, RunFailed, first_line, is_disk_full
from ingest.recipes.dataset_card import MADE_BY, describe, write_card
from ingest.recipes.exported_marts import marts_of
from ingest.recipes.exported_parquet import write_parquet
from ingest.recipes.exported_warehouse import write_warehouse
from ingest.settings import ROOT

Form = Literal["parquet", "duckdb"]
_THREADS = 4
_MEMORY = 2 * 1024**3
_SPILL = ".spill"


def export(warehouse: Path, target: Path, form: Form, say: Callable[[str], None]) -> None:
    """Write what was published last to a folder that is complete from the moment it has its name.

    An earlier export in its place is replaced; anything else there is refused. The warehouse is not held meanwhile.

    Args:
        warehouse: DuckDB file whose published version is exported.
        target: the folder.
        form: Parquet files of every mart, or one DuckDB file with what the marts and the explorer read.
        say: called with lines for the user.

    Raises:
        InputError: if the folder cannot be made or replaced, the disk is full, or another version built the warehouse.
        ReaderError: if nothing was published.
        RunFailed: if DuckDB cannot read the marts.
    """
    target = target.expanduser().resolve()
    _check(target)
    if is_card(warehouse):
        raise InputError(f"{warehouse.parent} is an export as Parquet: copy the folder, or name a warehouse")
    name = catalog_name(warehouse)
    with closing(attach_newest(warehouse, name)) as con:
        try:
            with _beside(target) as folder:
                _write(con, name, warehouse, folder, form, say)
                _move(folder, target)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise InputError(
                f"the marts are of another version ({first_line(error)}): run `neurons build`, then export again"
            ) from None
        except (duckdb.Error, OSError) as error:
            if is_disk_full(error):
                raise InputError(f"the disk of {target} is full: make room and export again") from None
            if isinstance(error, OSError):
                raise InputError(f"{target} cannot be written ({error.strerror}): name another folder") from None
            raise RunFailed(f"the marts cannot be exported: {first_line(error)}") from None
    n_bytes = sum(file.stat().st_size for file in target.rglob("*") if file.is_file())
    say(f"{n_bytes / 1e6:,.1f} MB in {target}; README.md there says how to open it")


def _write(
    con: duckdb.DuckDBPyConnection, name: str, warehouse: Path, folder: Path, form: Form, say: Callable[[str], None]
) -> None:
    """Fill the folder."""
    spill = folder / _SPILL
    con.execute(f"set temp_directory = {literal(str(spill))}")
    con.execute(f"set memory_limit = '{min(_MEMORY, readers_memory())}B'")
    con.execute(f"set threads = {min(_THREADS, os.cpu_count() or 1)}")
    con.execute(f"use {quoted(name)}")
    dataset = describe(con, form)
    if form == "parquet":
        marts = write_parquet(con, marts_of(con), folder, say)
    else:
        marts = write_warehouse(con, marts_of(con), dataset, warehouse, folder, say)
    # What was spilled belongs to the connection, which is not needed any more.
    con.close()
    shutil.rmtree(spill, ignore_errors=True)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    write_card(dataset, marts, folder)
    for path in folder.rglob("*"):
        sync(path)
    sync(folder)


def _check(target: Path) -> None:
    """Refuse a place where an export must not go.

    Raises:
        InputError: if there is something else, or no folder to put it in.
    """
    if target.exists() and not target.is_dir():
        raise InputError(f"{target} is a file: name a folder that does not exist yet")
    if not target.parent.is_dir():
        raise InputError(f"there is no folder {target.parent} to put the export in: make it first")
    stranger = next(_strangers(target), None) if target.exists() else None
    if stranger is not None:
        raise InputError(f"{target} holds {stranger}, which no export wrote: name a folder that does not exist yet")


def _strangers(target: Path) -> Iterator[str]:
    """What a folder holds besides the files that an export says it wrote."""
    try:
        card = json.loads((target / CARD).read_text(encoding="utf-8"))
        known = {CARD, *(file["name"] for file in card["files"])} if card["made_by"] == MADE_BY else set()
    except (OSError, ValueError, KeyError, TypeError):
        known = set()
    if not known:
        yield from sorted(os.listdir(target))[:1]
        return
    for path in sorted(target.rglob("*")):
        name = path.relative_to(target).as_posix()
        if path.is_symlink() or (not path.is_dir() and name not in known):
            yield name


@contextmanager
def _beside(target: Path) -> Iterator[Path]:
    """A new folder beside the target, which goes if it is not moved away; those of killed exports go too."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{32}}\.export(-before)?")
    for left in [path for path in target.parent.iterdir() if ours.fullmatch(path.name)]:
        with _held(left) as is_ours:
            if is_ours:
                shutil.rmtree(left, ignore_errors=True)
    folder = target.with_name(f".{target.name}.{uuid.uuid4().hex}.export")
    folder.mkdir()
    with _held(folder):
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _held(folder: Path) -> Iterator[bool]:
    """Whether nobody else holds the folder; held until the end, or until this process ends."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = True
        except BlockingIOError:
            is_ours = False
        yield is_ours
    finally:
        os.close(handle)


def _move(folder: Path, target: Path) -> None:
    """Give the folder its name; an earlier export makes room and comes back if that fails."""
    earlier = folder.with_name(f"{folder.name}-before") if target.exists() and os.listdir(target) else None
    if earlier is None:
        folder.rename(target)
        return
    target.rename(earlier)
    try:
        folder.rename(target)
    except OSError:
        earlier.rename(target)
        raise
    shutil.rmtree(earlier, ignore_errors=True)
    sync(target.parent)
