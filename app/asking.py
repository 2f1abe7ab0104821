"""Named queries: files of sql/app/ and sql/, run in the sandbox; answers are kept until a new version is published."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import duckdb
import polars as pl
import streamlit as st

from app.errors import NotInWarehouse, QueryFailed, QueryRefused
from app.guard import Catalog, Checked, catalog_of, check
from app.opening import opened
from app.questions import FOLDER, question
from app.sandbox import run_query
from app.warehouse import connect, cursor

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
    source = opened()
    return _answer(str(source.warehouse), source.identity, text_of(name), tuple(sorted(parameters.items())))


def text_of(name: str) -> str:
    """SQL of a named query; of the explorer's own files first, then of the questions."""
    folder = EXPLORER_FOLDER if (EXPLORER_FOLDER / f"{name}.sql").exists() else FOLDER
    return question(name, folder).sql


def connection() -> duckdb.DuckDBPyConnection:
    """The connection that all sessions share; take a cursor per query."""
    source = opened()
    return _connection(str(source.warehouse), source.identity)


@st.cache_data(max_entries=_KEPT_ANSWERS, show_spinner="Asking the warehouse", show_time=True)
def _answer(warehouse: str, identity: str, sql: str, parameters: tuple[tuple[str, Parameter], ...]) -> pl.DataFrame:
    try:
        checked = _checked(warehouse, identity, sql)
        return run_query(_connection(warehouse, identity), sql, dict(parameters), _TIMEOUT_S, checked=checked).frame
    except (QueryRefused, QueryFailed, duckdb.Error) as error:
        # The explorer's own text was tried on a whole warehouse: what it asks for is not in this one.
        raise NotInWarehouse(
            "This warehouse does not hold it: it was built by another version, or only half. Run `neurons build`."
        ) from error


# A page asks many questions: each text is checked once per version, and a version is looked through once.
@st.cache_resource(max_entries=_KEPT_ANSWERS, show_spinner=False)
def _checked(warehouse: str, identity: str, sql: str) -> Checked:
    with closing(cursor(_connection(warehouse, identity))) as own:
        return check(own, sql, _catalog(warehouse, identity))


@st.cache_resource(max_entries=2, show_spinner=False)
def _catalog(warehouse: str, identity: str) -> Catalog:
    with closing(cursor(_connection(warehouse, identity))) as own:
        return catalog_of(own)


@st.cache_resource(max_entries=2, show_spinner="Opening the warehouse", on_release=lambda con: con.close())
def _connection(warehouse: str, identity: str) -> duckdb.DuckDBPyConnection:
    # The identity is part of the key: another version is another connection.
    del identity
    return connect(Path(warehouse), memory=_MEMORY)
