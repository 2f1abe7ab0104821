"""An export as Parquet, read like a published version: a database in memory with a view for every table of it."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from app.object_storage import MOUNT, address_of, fetched, is_address, mount, unreadable
from app.quoting import literal, quoted

CARD = "dataset.json"
# An export describes itself in this mart, which a warehouse has not.
MARK = "dataset"
_DATABASE = "neurons.duckdb"
_FACTS = ("made_by", "build", "built_at", "licence")


def database_in(place: Path | str) -> Path:
    """The database that a path stands for: of an exported folder what it holds, else the path itself.

    Args:
        place: path, or the address of an exported folder in object storage.

    Raises:
        NoWarehouse: there is no export at an address.
    """
    if is_address(place):
        return fetched(str(place), CARD)
    place = Path(place).expanduser()
    if not place.is_dir():
        return place
    return place / CARD if (place / CARD).exists() and not (place / _DATABASE).exists() else place / _DATABASE


def is_card(database: Path) -> bool:
    """Whether a database is the description of Parquet files."""
    return database.name == CARD


def attach_views(con: duckdb.DuckDBPyConnection, card: Path, name: str) -> None:
    """Attach a database of views of the Parquet files under this catalog name.

    The connection reaches no other folder once its external access is switched off. Unlike a file that is attached for
    reading, these views do not refuse to be written: that is left to the sandbox.

    Args:
        con: the connection.
        card: what the export says of itself.
        name: of the catalog.

    Raises:
        duckdb.Error: the files cannot be read, or the description is none.
        NoWarehouse: the files are in object storage, and cannot be read there.
    """
    folder = str(card.resolve().parent)
    try:
        told = json.loads(card.read_text(encoding="utf-8"))
        address = address_of(card, told)
        # The folder's own name may hold what a pattern gives a meaning.
        statements = list(_statements(told, MOUNT if address else f"{glob.escape(folder)}/"))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise duckdb.IOException(f"{CARD} does not describe Parquet files of an export") from error
    if address:
        mount(con, address)
    # A pattern is compared with the folders as it is written.
    places = [MOUNT] if address else [folder, glob.escape(folder)]
    con.execute(f"set allowed_directories = [{', '.join(map(literal, places))}]")
    con.execute(f"attach ':memory:' as {quoted(name)}")
    ((before,),) = con.execute("select current_database()").fetchall()
    con.execute(f"use {quoted(name)}")
    try:
        con.execute(";\n".join(statements))
    except (duckdb.Error, OSError) as error:
        if address:
            raise unreadable(address, error) from error
        raise
    con.execute(f"use {quoted(before)}")


def _statements(told: dict[str, Any], before: str) -> Iterator[str]:
    """SQL that makes the views, with what stands before the names of the files."""
    yield "create schema marts"
    facts = {name: told[name] for name in _FACTS}
    facts |= {f"version of {name}": number for name, number in told["versions"].items()}
    rows = ", ".join(f"({literal(name)}, {literal(value)})" for name, value in facts.items())
    yield f"create table marts.{MARK} as select * from (values {rows}) as facts (name, value)"
    for table in told["tables"]:
        view = f"marts.{quoted(table['name'])}"
        columns = ", ".join(quoted(column["name"]) for column in table["columns"])
        files = literal(before + table["files"])
        kinds = ", ".join(f"{quoted(column)}: varchar" for column in table["partitions"])
        hive = f"true, hive_types = {{{kinds}}}" if kinds else "false"
        yield f"create view {view} as select {columns} from read_parquet({files}, hive_partitioning = {hive})"
        yield f"comment on view {view} is {literal(table['description'])}"
        for column in table["columns"]:
            yield f"comment on column {view}.{quoted(column['name'])} is {literal(column['description'])}"
