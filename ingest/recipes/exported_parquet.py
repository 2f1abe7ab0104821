"""Marts as Parquet: a small one is one file, a large one a folder that is partitioned as Hive does it.

Sorting a large mart whole spills many times its size to the disk. It is written in pieces instead, each a range of
layers of one model or one pair of models: memory is bounded by a piece, and rows and order are the same each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from app.quoting import literal, quoted
from ingest.recipes.exported_marts import Mart, selected

# A mart with more rows becomes a folder; a file in it has more only where one layer does.
ROWS_PER_FILE = 1_000_000
_PARTITIONS = ("model", "model_from", "other_model", "model_to")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
# What stands for itself in the name of a folder; readers turn %XX back, and only some of them as UTF-8.
_ESCAPED = re.compile(r"[^\w.-]", re.ASCII)


@dataclass(frozen=True)
class _Piece:
    """Rows that are sorted together: those of a condition, in a file."""

    file: str
    condition: str


def write_parquet(
    con: duckdb.DuckDBPyConnection, marts: list[Mart], folder: Path, say: Callable[[str], None]
) -> list[Mart]:
    """All marts, views too; descriptions are in each file's key-value metadata.

    Returns the marts with their rows counted, and where they lie.

    Raises:
        duckdb.Error: if a mart cannot be read or written.
    """
    written = []
    for mart in marts:
        layers = _layers(con, mart)
        placed, pieces = _placed(mart, layers)
        n_bytes = 0
        for piece in pieces:
            file = folder / piece.file
            file.parent.mkdir(parents=True, exist_ok=True)
            _write(con, placed, file, piece.condition)
            n_bytes += file.stat().st_size
        written.append(placed)
        in_files = f" in {len(pieces)} files" if placed.partitions else ""
        say(f"{mart.name}: {placed.n_rows:,} rows, {n_bytes / 1e6:,.1f} MB{in_files}")
    return written


def _placed(mart: Mart, layers: list[tuple[Any, ...]]) -> tuple[Mart, list[_Piece]]:
    """The mart with its number of rows and its place, and the pieces that it is written in."""
    n_rows = sum(n for *_, n in layers)
    if n_rows <= ROWS_PER_FILE:
        placed = replace(mart, n_rows=n_rows, files=f"{mart.name}.parquet")
        return placed, [_Piece(placed.files, "true")]
    partitions = tuple(name for name in _PARTITIONS if _has(mart, name))
    placed = replace(mart, n_rows=n_rows, files=f"{mart.name}/**/*.parquet", partitions=partitions)
    return placed, list(_pieces(placed, layers))


def _has(mart: Mart, column: str) -> bool:
    return any(each.name == column for each in mart.columns)


def _layers(con: duckdb.DuckDBPyConnection, mart: Mart) -> list[tuple[Any, ...]]:
    """Rows by partition and layer, in order: the values, at the end the number of rows."""
    by = [name for name in (*_PARTITIONS, "layer") if _has(mart, name)]
    counted = ", ".join((*by, "count(*)"))
    rows: list[tuple[Any, ...]] = con.execute(
        f"select {counted} from marts.{quoted(mart.name)} group by all order by all"
    ).fetchall()
    return rows


def _pieces(mart: Mart, layers: list[tuple[Any, ...]]) -> Iterator[_Piece]:
    """Consecutive layers of a partition, as many as go into a file."""
    n_values, has_layer = len(mart.partitions), _has(mart, "layer")
    for values, rows in groupby(layers, key=lambda row: row[:n_values]):
        together, n_together, number = list[object](), 0, 0
        for row in rows:
            layer, n_rows = row[-2] if has_layer else None, row[-1]
            if together and n_together + n_rows > ROWS_PER_FILE:
                yield _piece(mart, values, together, number)
                together, n_together, number = [], 0, number + 1
            together.append(layer)
            n_together += n_rows
        yield _piece(mart, values, together, number)


def _piece(mart: Mart, values: tuple[object, ...], layers: list[object], number: int) -> _Piece:
    named = dict(zip(mart.partitions, values, strict=True))
    conditions = [_among(name, [value]) for name, value in named.items()]
    if _has(mart, "layer"):
        conditions.append(_among("layer", layers))
    folders = [mart.name, *(f"{name}={_escaped(value)}" for name, value in named.items())]
    return _Piece("/".join([*folders, f"part-{number:03}.parquet"]), " and ".join(conditions) or "true")


def _among(column: str, values: list[object]) -> str:
    """Whether a column has one of these values; plain comparisons, so that DuckDB skips what it need not read."""
    known = ", ".join(literal(each) if isinstance(each, str) else str(each) for each in values if each is not None)
    either = [f"{column} in ({known})"] if known else []
    return f"({' or '.join([*either, *([f'{column} is null'] if None in values else [])])})"


def _escaped(value: object) -> str:
    """A value as it stands in the name of a folder."""
    if value is None:
        return _NO_VALUE
    return _ESCAPED.sub(lambda found: f"%{ord(found[0]):02X}" if found[0].isascii() else found[0], str(value))


def _write(con: duckdb.DuckDBPyConnection, mart: Mart, file: Path, condition: str) -> None:
    """Write the rows of a condition, sorted by key."""
    metadata = {
        "description": mart.description,
        "key": json.dumps(mart.key),
        "columns": json.dumps({column.name: column.description for column in mart.columns}, ensure_ascii=False),
    }
    pairs = ", ".join(f"{name}: {literal(text)}" for name, text in metadata.items())
    # Within a partition its columns are constant, and stand in the names of the folders.
    order = ", ".join(quoted(name) for name in mart.key if name not in mart.partitions) or "all"
    kept = ", ".join(quoted(column.name) for column in mart.columns if column.name not in mart.partitions)
    con.execute(
        f"copy (select {kept} from (select {selected(mart.name)} from marts.{quoted(mart.name)}) where {condition} "
        f"order by {order}) to {literal(str(file))} (format parquet, compression zstd, kv_metadata {{{pairs}}})"
    )
