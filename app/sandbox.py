"""Runs a query that somebody typed: checked, read-only, with limits on time, rows and bytes.

Each layer holds without the others: `guard` refuses what is not a harmless query; the connection (see `warehouse`)
reads one file, changes nothing and reaches nothing else; a clock stops what takes too long. What runs is the user's own
text, not a text that a parser printed.
"""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from app.errors import QueryCancelled, QueryFailed, QueryRefused, QueryTimeout, ReaderError, without_paths
from app.guard import Checked, check
from app.quoting import quoted
from app.warehouse import connect, cursor

# Of a small answer the copy is cheaper than a second planning of the query.
warnings.filterwarnings("ignore", message="Arrow output on a DB-API result", category=UserWarning)
MAX_BYTES = 2 * 1024**3
_BATCH_ROWS = 65_536
_STRANGE = re.compile(r"\b(INTERVAL|UNION|BIT|VARIANT|GEOMETRY|BIGNUM|VARINT|TIME WITH TIME ZONE|TIME_NS)\b")


@dataclass(frozen=True)
class Result:
    """Rows of an answer; `truncated` if there are more than were asked for."""

    frame: pl.DataFrame
    truncated: bool = False


@dataclass
class _Clock:
    """Interrupts a cursor when the time is up, and remembers that it did."""

    cursor: duckdb.DuckDBPyConnection
    rang: bool = False
    stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ring(self) -> None:
        with self.lock:
            if not self.stopped:
                self.rang = True
                self.cursor.interrupt()


@dataclass
class StopButton:
    """Stops a query that runs in another thread, now or as soon as it starts."""

    pressed: bool = False
    _clock: _Clock | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def press(self) -> None:
        """Stops the query."""
        with self._lock:
            self.pressed = True
            if self._clock is not None:
                self._clock.ring()

    def connect(self, clock: _Clock) -> None:
        """From now on the button stops the query of this clock."""
        with self._lock:
            self._clock = clock
            if self.pressed:
                clock.ring()


def run_query(
    source: duckdb.DuckDBPyConnection | Path | None,
    sql: str,
    params: Mapping[str, object] | None = None,
    timeout_s: float = 60.0,
    max_rows: int | None = None,
    stop: StopButton | None = None,
    checked: Checked | None = None,
    at_once: bool = False,
) -> Result:
    """Runs one query and returns its rows in its order.

    Args:
        source: a connection from `connect`, of which a cursor is taken; or a warehouse (None: the default one).
        sql: the query; may use parameters as $name.
        params: their values; a parameter without one is NULL.
        timeout_s: seconds after which the query is stopped.
        max_rows: rows after which the rest is left out.
        stop: a button that stops it.
        checked: what `check` found of this text on this connection, if it was checked before.
        at_once: the answer is small and of types that data frames have: it is read in one go, which is quicker.

    Raises:
        QueryRefused: not one harmless query, or a parameter that it does not have.
        QueryFailed: DuckDB could not answer it, or the answer is too large to hold.
        QueryTimeout: it took longer than `timeout_s`.
        QueryCancelled: the button was pressed.
        NoWarehouse, NothingPublished: as `connect`.
    """
    if isinstance(source, duckdb.DuckDBPyConnection):
        return _run(source, sql, params or {}, timeout_s, max_rows, stop or StopButton(), checked, at_once)
    with closing(connect(source, timeout_s=timeout_s)) as con:
        return _run(con, sql, params or {}, timeout_s, max_rows, stop or StopButton(), checked, at_once)


def parameter_value(text: str) -> object:
    """The value that a parameter's text on a command line stands for: a number, true, false, null, or the text itself.

    Quotes around it make it a text: '007'.
    """
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    words: dict[str, object] = {"true": True, "false": False, "null": None}
    if text.lower() in words:
        return words[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return text


def _run(
    con: duckdb.DuckDBPyConnection,
    sql: str,
    params: Mapping[str, object],
    timeout_s: float,
    max_rows: int | None,
    stop: StopButton,
    checked: Checked | None,
    at_once: bool,
) -> Result:
    # A cursor of its own: temporary objects and an unread result end with it.
    with closing(cursor(con)) as own:

        def ended() -> ReaderError:
            if stop.pressed:
                return QueryCancelled("the query was stopped: nothing was read to the end")
            return QueryTimeout(
                f"the query was stopped after {timeout_s:g} s: raise it with --timeout, or ask for less"
            )

        try:
            with _time_limit(own, timeout_s) as clock:
                stop.connect(clock)
                values = _values((checked or check(own, sql)).parameters, params)
                if clock.rang:  # reading the text took all the time there was
                    raise ended()
                if at_once:
                    return Result(plain_integers(_frame(own.execute(sql, values).to_arrow_table())))
                return _fetch(own, sql, values, max_rows)
        except (duckdb.Error, OSError) as error:  # Arrow hands on DuckDB's errors as OSError
            if clock.rang or "maximum execution time" in str(error):
                raise ended() from error
            raise QueryFailed(_explained(error)) from error
        except pl.exceptions.PolarsError as error:
            raise QueryFailed(f"a column has a type that cannot be shown ({error}): cast it to varchar") from error


@contextmanager
def _time_limit(own: duckdb.DuckDBPyConnection, seconds: float) -> Iterator[_Clock]:
    # DuckDB's own limit belongs to a connection and is locked with it; this one belongs to the query.
    clock = _Clock(own)
    timer = threading.Timer(seconds, clock.ring)
    timer.daemon = True
    timer.start()
    try:
        yield clock
    finally:
        timer.cancel()
        with clock.lock:
            clock.stopped = True


def _values(used: frozenset[str], given: Mapping[str, object]) -> dict[str, object]:
    unknown = sorted(set(given) - used)
    if unknown:
        known = f"it has {', '.join(sorted(used))}" if used else "it has none"
        raise QueryRefused(f"the query has no parameter {', '.join(unknown)}: {known}")
    return {name: given.get(name) for name in sorted(used)}


def _fetch(own: duckdb.DuckDBPyConnection, sql: str, values: dict[str, object], max_rows: int | None) -> Result:
    """Reads the answer as it is computed, up to one row more than wanted."""
    try:
        relation = own.sql(sql, params=values) if values else own.sql(sql)
    except (duckdb.BinderException, duckdb.CatalogException):
        own.execute(sql, values)  # fails in the same way, and this message has a caret under the mistake
        raise
    if relation is None:
        raise QueryRefused("this is not a query: write a SELECT")
    relation = _showable(relation)
    wanted = None if max_rows is None else max_rows + 1
    reader: Any = relation.to_arrow_reader(_BATCH_ROWS if wanted is None else min(_BATCH_ROWS, wanted))
    names = _distinct(reader.schema.names)
    frames = [_frame(reader.schema.empty_table(), names)]
    rows = size = 0
    for batch in reader:
        frames.append(_frame(batch, names))
        rows += batch.num_rows
        size += batch.nbytes
        if size > MAX_BYTES:
            raise QueryFailed(f"the answer is larger than {MAX_BYTES >> 30} GiB: aggregate, or add a LIMIT")
        if wanted is not None and rows >= wanted:
            break
    frame = plain_integers(pl.concat(frames))
    return Result(frame if max_rows is None else frame.head(max_rows), max_rows is not None and rows > max_rows)


def _showable(relation: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """The relation with columns of types that data frames do not have (intervals, unions, bits, ...) as text."""
    strange = [_STRANGE.search(str(kind)) is not None for kind in relation.types]
    if not any(strange):
        return relation
    columns = zip(relation.columns, strange, strict=True)
    casts = [
        f"#{i}{'::varchar' if is_strange else ''} as {quoted(name)}" for i, (name, is_strange) in enumerate(columns, 1)
    ]
    return relation.project(", ".join(casts))


def _frame(arrow: Any, names: list[str] | None = None) -> pl.DataFrame:
    frame = pl.from_arrow(arrow if names is None else arrow.rename_columns(names))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _distinct(names: list[str]) -> list[str]:
    """Names of which no two are equal: a second `a` becomes `a_1`."""
    distinct: list[str] = []
    for name in names:
        number, new = 0, name
        while new in distinct or (number and new in names):
            number += 1
            new = f"{name}_{number}"
        distinct.append(new)
    return distinct


def plain_integers(frame: pl.DataFrame) -> pl.DataFrame:
    """Sums of integers as integers: they arrive as 128-bit decimals, which charts and JSON do not know."""
    wide = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Decimal) and kind.scale == 0]
    cast = frame.select(pl.col(wide).cast(pl.Int64, strict=False)) if wide else frame.select()
    fits = [name for name in wide if cast[name].null_count() == frame[name].null_count()]
    return frame.with_columns(cast.select(fits)) if fits else frame


def _explained(error: Exception) -> str:
    text = without_paths(str(error))
    if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory" in text:
        return "the query needs more memory than a reader may take: aggregate earlier, or filter by model or layer"
    return text
