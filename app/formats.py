"""Writes a result as a table to look at, or as CSV, JSON or Parquet."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from app.errors import BadOutput
from app.sandbox import Result

Format = Literal["table", "csv", "json", "parquet"]
_WIDEST = 60
_SHOWN_ITEMS = 4


def write(result: Result, format: Format = "table", out: Path | None = None) -> None:
    """Writes a result to a file, or to the standard output. A file appears when it is complete.

    Raises:
        BadOutput: the format is unknown, Parquet has no file to go to, or the file cannot be written.
    """
    if format not in get_args(Format):
        raise BadOutput(f"there is no format {format}: use {', '.join(get_args(Format))}")
    if out is None:
        if format == "parquet":
            raise BadOutput("parquet is not text: name a file with --out FILE")
        sys.stdout.writelines(_lines(result, format))
        return
    if out.is_dir():
        raise BadOutput("--out names a folder: name a file in it")
    if not out.parent.is_dir():
        raise BadOutput("--out names a file in a folder that does not exist: make the folder first")
    try:
        with whole(out) as temporary:
            if format == "parquet":
                result.frame.write_parquet(temporary)
            else:
                with temporary.open("w", encoding="utf-8", newline="") as file:
                    file.writelines(_lines(result, format))
    except OSError as error:
        raise BadOutput(f"the file that --out names cannot be written: {error.strerror or 'see its folder'}") from error


@contextmanager
def whole(file: Path) -> Iterator[Path]:
    """A temporary file beside it, which takes its name when everything is written, and goes if that fails.

    Raises:
        OSError: it cannot take the name.
    """
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)


def table(result: Result) -> str:
    """The result as text: full column names, numbers with four significant digits, aligned right."""
    return "".join(_table_lines(result))


def csv_text(frame: pl.DataFrame) -> str:
    """The rows as CSV with a header; lists and structs as JSON, bytes as hexadecimal digits."""
    return "".join(_csv_lines(frame))


def _lines(result: Result, format: Format) -> Iterator[str]:
    if format == "table":
        return _table_lines(result)
    return _csv_lines(result.frame) if format == "csv" else _json_lines(result.frame)


def _table_lines(result: Result) -> Iterator[str]:
    frame = result.frame
    cells = [[_cell(value) for value in column.to_list()] for column in frame.iter_columns()]
    right = [kind.is_numeric() for kind in frame.dtypes]
    widths = [max(map(len, [name, *column])) for name, column in zip(frame.columns, cells, strict=True)]

    def line(texts: list[str] | tuple[str, ...]) -> str:
        aligned = zip(texts, widths, right, strict=True)
        return "  ".join(text.rjust(n) if is_right else text.ljust(n) for text, n, is_right in aligned).rstrip() + "\n"

    yield line(frame.columns)
    yield "  ".join("-" * width for width in widths) + "\n"
    for row in zip(*cells, strict=True):
        yield line(row)
    rows = f"{frame.height} row{'' if frame.height == 1 else 's'}"
    more = f"first {rows}, more exist (--out FILE --format csv gives all)"
    yield f"\n{more if result.truncated else rows}\n"


def _cell(value: object) -> str:
    """One value, on one line, without characters that a terminal would obey."""
    if value is None:
        return ""
    if isinstance(value, float | Decimal):
        return number(float(value))
    if isinstance(value, list):
        shown = ", ".join(_cell(item) if item is not None else "null" for item in value[:_SHOWN_ITEMS])
        return f"[{shown}{f', ... {len(value)} in all' if len(value) > _SHOWN_ITEMS else ''}]"
    if isinstance(value, dict):
        return _short("{" + ", ".join(f"{key}: {_cell(item)}" for key, item in value.items()) + "}")
    text = str(value)
    return _short(text if text.isprintable() else "".join(c if c.isprintable() else repr(c)[1:-1] for c in text))


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 3] + "..."


def number(value: float) -> str:
    """A number with four significant digits; whole ones keep all of theirs."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if abs(value) < 1e15 and (value == int(value) or abs(value) >= 1000):
        return f"{value:.0f}"
    return f"{value:.4g}"


def _csv_lines(frame: pl.DataFrame) -> Iterator[str]:
    # A cell of a CSV file is one value: lists and structs are written as JSON.
    nested = [name for name, kind in frame.schema.items() if kind.is_nested()]
    flat = [
        pl.Series(name, [None if v is None else _json(v) for v in frame[name].to_list()], dtype=pl.String)
        for name in nested
    ]
    flat += [
        pl.Series(name, [None if v is None else v.hex() for v in frame[name].to_list()], dtype=pl.String)
        for name, kind in frame.schema.items()
        if kind == pl.Binary
    ]
    yield frame.with_columns(flat).write_csv()


def _json_lines(frame: pl.DataFrame) -> Iterator[str]:
    separator = "[\n"
    for row in frame.iter_rows(named=True):
        yield separator + _json(row)
        separator = ",\n"
    yield "[]\n" if frame.is_empty() else "\n]\n"


def _json(value: object) -> str:
    return json.dumps(_jsonable(value), ensure_ascii=False, allow_nan=False)


def _jsonable(value: object) -> object:
    """The value in types that JSON has; what is not a number there is null."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, float | Decimal):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value if isinstance(value, str | int | bool | None) else _as_text(value)


def _as_text(value: object) -> str:
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)
