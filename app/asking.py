"""Named queries: files of sql/app/ and sql/, run in the sandbox; answers are kept until a new version is published."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import polars as pl
import streamlit as st

from app.errors import NotInWarehouse, QueryFailed, QueryRefused, ReaderError
from app.exported_folder import is_card
from app.guard import Checked
from app.opening import opened
from app.questions import FOLDER, Question, question
from app.sandbox import run_query
from app.warehouse import connect

EXPLORER_FOLDER = FOLDER / "app"
_TIMEOUT_S = 60.0
_KEPT_ANSWERS = 300
# Tables of millions of rows are looked up with it, and the explorer as a whole stays below 1 GiB.
_MEMORY = 512 * 1024**2

Parameter = str | int | float | bool | None


def ask(name: str, **parameters: Parameter) -> pl.DataFrame:
    """The rows of a named query; of the explorer's own files first, then of the questions.

    Args:
        name: of a file, without `.sql`.
        parameters: values of its parameters; one that is left out is NULL.

    Raises:
        NotInWarehouse: the warehouse has no such tables or columns.
        ReaderError: as `run_query`.
    """
    asked = _asked(question_of(name), parameters)
    known = _answers().known(asked)
    if known is not None:
        return known
    with st.spinner("Asking the warehouse", show_time=True):
        return _answers().of(asked, _connection(*asked.version))


def ask_ahead(*names: str, **parameters: Parameter) -> None:
    """Asks several queries at once of which `ask` will want the rows next; what fails is left to `ask`.

    Args:
        names: of files, without `.sql`.
        parameters: those of all of them; a query takes the ones that it has.
    """
    jobs = []
    for name in names:
        with suppress(ReaderError):
            query = question_of(name)
            asked = _asked(query, {key: value for key, value in parameters.items() if key in query.parameters})
            if _answers().known(asked) is None:
                jobs.append((asked, _connection(*asked.version)))
    with st.spinner("Asking the warehouse", show_time=True):
        for job in [_pool().submit(_answers().of, *job) for job in jobs]:
            job.exception()


def question_of(name: str) -> Question:
    """A named query; of the explorer's own files first, then of the questions."""
    return question(name, EXPLORER_FOLDER if (EXPLORER_FOLDER / f"{name}.sql").exists() else FOLDER)


def connection() -> duckdb.DuckDBPyConnection:
    """The connection that all sessions share; take a cursor per query."""
    source = opened()
    return _connection(str(source.warehouse), source.identity)


@dataclass(frozen=True)
class _Asked:
    """A query of a version of a warehouse."""

    version: tuple[str, str]
    sql: str
    used: frozenset[str]
    given: tuple[tuple[str, Parameter], ...]


class _Answers:
    """The last answers, shared by all sessions and threads."""

    def __init__(self) -> None:
        self._found: OrderedDict[_Asked, pl.DataFrame] = OrderedDict()
        self._lock = threading.Lock()

    def known(self, asked: _Asked) -> pl.DataFrame | None:
        with self._lock:
            if asked in self._found:
                self._found.move_to_end(asked)
            return self._found.get(asked)

    def of(self, asked: _Asked, con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
        # The explorer's own text needs no check, which takes longer than the query.
        checked = Checked(asked.used)
        try:
            frame = run_query(con, asked.sql, dict(asked.given), _TIMEOUT_S, checked=checked, at_once=True).frame
        except (QueryRefused, QueryFailed, duckdb.Error) as error:
            raise _not_in_warehouse(Path(asked.version[0])) from error
        with self._lock:
            self._found[asked] = frame
            while len(self._found) > _KEPT_ANSWERS:
                self._found.popitem(last=False)
        return frame


def _asked(query: Question, parameters: Mapping[str, Parameter]) -> _Asked:
    source = opened()
    given = sorted((key, value) for key, value in parameters.items() if value is not None)
    version = (str(source.warehouse), source.identity)
    return _Asked(version, query.sql, frozenset(query.parameters), tuple(given))


def _not_in_warehouse(warehouse: Path) -> NotInWarehouse:
    if is_card(warehouse):
        return NotInWarehouse(
            "A Parquet export has the tables only, not what the sliders and the examples read: "
            "`neurons export DIR --duckdb` has it."
        )
    # The explorer's own text was tried on a whole warehouse: what it asks for is not in this one.
    return NotInWarehouse(
        "This warehouse does not hold it: it was built by another version, or only half. Run `neurons build`."
    )


@st.cache_resource(show_spinner=False)
def _answers() -> _Answers:
    return _Answers()


@st.cache_resource(show_spinner=False)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_name_prefix="asking")


@st.cache_resource(max_entries=2, show_spinner="Opening the warehouse", on_release=lambda con: con.close())
def _connection(warehouse: str, identity: str) -> duckdb.DuckDBPyConnection:
    # The identity is part of the key: another version is another connection.
    del identity
    return connect(Path(warehouse), memory=_MEMORY)
