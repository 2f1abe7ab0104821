"""Reads a published frame of neurons, CSV or Parquet, in the two spellings that are out there."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from app.publish import NO_BAR
from app.quoting import literal
from ingest.errors import InputError, first_line
from ingest.tables import PUBLISHED_COLUMNS

KEY = ("layer", "neuron")
_VALUES = tuple(column.name for column in PUBLISHED_COLUMNS)
_SPELLINGS = {
    "neuron_ix": "neuron",
    "input_weight_norm": "w_in_norm",
    "output_weight_norm": "w_out_norm",
    "weight_norm_penalty": "l2_penalty",
}
# Only the curated list of prediction and suppression neurons has it, spelled so.
_CURATED = "is_surpress"
_MEMORY = "1GiB"


@dataclass(frozen=True)
class Frame:
    """What a file says about the neurons of one model.

    Attributes:
        name: of the file, without its folder.
        digest: sha256 of the file.
        columns: what it knows, by the names of the marts, without the key.
        rows: layer, neuron and these columns, float64, sorted by the key; an empty cell is null.
    """

    name: str
    digest: str
    columns: tuple[str, ...]
    rows: pl.DataFrame


def read_frame(file: Path, n_layers: int, d_mlp: int) -> Frame:
    """Read a file and check every cell of it.

    A file with more rows than the model has neurons is refused before it is held in memory.

    Args:
        file: CSV with a header, or Parquet (by its ending).
        n_layers, d_mlp: shape of the model.

    Raises:
        InputError: the file cannot be read, lacks a key, is empty, or has a cell that cannot be; names the row.
    """
    if not file.is_file():
        raise InputError(f"{file} is no file: name a CSV or Parquet file")
    with _reader(file) as (connection, source):
        names = _names(connection, source, file)
        (n_rows,) = _one(connection, f"select count(*) from {source}", file)
        if not n_rows:
            raise InputError(f"{file.name} has no rows")
        if n_rows > n_layers * d_mlp:
            raise InputError(
                f"{file.name} has {n_rows:,} rows, but a model of {n_layers} x {d_mlp:,} has {n_layers * d_mlp:,} "
                "neurons: give the model's shape with --layers and --d-mlp"
            )
        cells = ", ".join(f'trim(cast("{found}" as varchar)) as {name}' for name, found in names.items())
        _run(connection, f"create temp table cells as select row_number() over () as row, {cells} from {source}", file)
        _check_keys(connection, file, n_layers, d_mlp)
        values = tuple(name for name in _VALUES if name in names)
        for name in values:
            _check_values(connection, file, name)
        typed = ", ".join(f"try_cast(nullif({name}, '') as double) as {name}" for name in values)
        rows = connection.sql(
            f"select layer::double::integer as layer, neuron::double::integer as neuron, {typed} "
            "from cells order by layer, neuron"
        ).pl()
    return Frame(file.name, _sha256(file), values, rows)


@contextmanager
def _reader(file: Path) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """A database of its own with bounded memory, and the SQL that stands for the file."""
    path = literal(str(file))
    source = (
        f"read_parquet({path})"
        if file.suffix.lower() in (".parquet", ".pq")
        else f"read_csv({path}, header = true, all_varchar = true)"
    )
    with tempfile.TemporaryDirectory() as folder:
        connection = duckdb.connect(config={"memory_limit": _MEMORY, "temp_directory": folder})
        try:
            connection.execute(NO_BAR)
            yield connection, source
        finally:
            connection.close()


def _names(connection: duckdb.DuckDBPyConnection, source: str, file: Path) -> dict[str, str]:
    """The file's columns that are known, by the names of the marts; others (an index, say) are left out."""
    found: dict[str, str] = {}
    described = _run(connection, f"describe select * from {source}", file)
    for column, *_ in described:
        name = _SPELLINGS.get(column, column)
        if name not in (*KEY, *_VALUES):
            continue
        if name in found:
            raise InputError(f"{file.name} has both {found[name]} and {column}, which mean the same: leave one out")
        found[name] = column
    for key in KEY:
        if key not in found:
            raise InputError(f"{file.name} has no column {key}: a frame of neurons needs layer and neuron")
    if len(found) == len(KEY) and any(column == _CURATED for column, *_ in described):
        raise InputError(
            f"{file.name} is a list of prediction neurons, not a frame: every warehouse has the published one, "
            "ask `neurons sql gurnee_fig24_prediction_neurons`"
        )
    if len(found) == len(KEY):
        raise InputError(f"{file.name} says nothing about its neurons: known columns are {', '.join(_VALUES)}")
    return found


def _check_keys(connection: duckdb.DuckDBPyConnection, file: Path, n_layers: int, d_mlp: int) -> None:
    for key, bound in zip(KEY, (n_layers, d_mlp), strict=True):
        bad = _run(
            connection,
            f"select row, {key} from cells where try_cast({key} as double) is null "
            f"or try_cast({key} as double) <> floor(try_cast({key} as double)) order by row limit 1",
            file,
        )
        if bad:
            raise InputError(f"{file.name}, row {bad[0][0]}: {key} is {_shown(bad[0][1])}, no whole number")
        bad = _run(
            connection,
            f"select row, {key} from cells where {key}::double not between 0 and {bound - 1} order by row limit 1",
            file,
        )
        if bad:
            raise InputError(
                f"{file.name}, row {bad[0][0]}: {key} is {bad[0][1]}, but a model of {n_layers} x {d_mlp:,} has "
                f"0 to {bound - 1}: give the model's shape with --layers and --d-mlp"
            )
    twice = _run(
        connection,
        "select row, layer, neuron from cells "
        "qualify row_number() over (partition by layer::double, neuron::double order by row) = 2 order by row limit 1",
        file,
    )
    if twice:
        row, layer, neuron = twice[0]
        raise InputError(f"{file.name}, row {row}: L{layer}.N{neuron} is there a second time")


def _check_values(connection: duckdb.DuckDBPyConnection, file: Path, name: str) -> None:
    bad = _run(
        connection,
        f"select row, {name} from cells where {name} <> '' and not coalesce(isfinite(try_cast({name} as double)), "
        "false) order by row limit 1",
        file,
    )
    if bad:
        raise InputError(f"{file.name}, row {bad[0][0]}: {name} is {_shown(bad[0][1])}, no finite number")


def _shown(cell: str | None) -> str:
    if not cell:
        return "empty"
    return repr(cell if len(cell) <= 40 else cell[:40] + "...")


def _one(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> tuple[int, ...]:
    (row,) = _run(connection, query, file)
    return row


def _run(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> list[tuple[Any, ...]]:
    try:
        return connection.execute(query).fetchall()
    except duckdb.Error as error:
        raise InputError(f"{file.name} cannot be read as CSV or Parquet: {first_line(error)}") from None


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
