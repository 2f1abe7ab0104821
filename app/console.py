"""A typed query on its way: it runs in a thread, so that its page can show a clock and stop it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass, field

import duckdb
import streamlit as st

from app.errors import ReaderError
from app.guard import check
from app.sandbox import Result, StopButton, run_query
from app.warehouse import cursor

_AT_ONCE = 4


@dataclass(frozen=True)
class Asked:
    """A query that was started.

    Attributes:
        sql: its text.
        values: values of its parameters.
        answer: its rows, or what went wrong, when it is done.
        stop: ends it.
        started: on the monotonic clock.
    """

    sql: str
    values: Mapping[str, object]
    answer: Future[Result]
    stop: StopButton
    started: float = field(default_factory=time.monotonic)

    def is_done(self, patience_s: float = 0.0) -> bool:
        """Whether it has ended, after waiting this long for it."""
        return bool(wait([self.answer], patience_s).done)

    def result(self) -> Result:
        """The rows.

        Raises:
            ReaderError: as `run_query`.
        """
        return self.answer.result()


def start(
    con: duckdb.DuckDBPyConnection, sql: str, values: Mapping[str, object], timeout_s: float, max_rows: int
) -> Asked:
    """Starts a query in the sandbox and returns at once."""
    stop = StopButton()
    return Asked(sql, values, _pool().submit(run_query, con, sql, values, timeout_s, max_rows, stop), stop)


def parameters_of(con: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Names of a query's parameters; none if it would be refused."""
    if "$" not in sql:
        return []
    with closing(cursor(con)) as own:
        try:
            return sorted(check(own, sql).parameters)
        except (ReaderError, duckdb.Error):
            return []


@st.cache_resource
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_AT_ONCE, "query")
