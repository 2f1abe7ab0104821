"""A process that kills itself with SIGKILL at a chosen moment: every moment is hit, on machines of any speed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import duckdb


@dataclass(frozen=True)
class Bomb:
    """Kills its process before or after a call of a method.

    Attributes:
        place: `module:Class.method`, or `commit` for a transaction of DuckDB that has its rows and is not committed.
        call: which call of it, from 1.
        after: whether the call is finished first.
    """

    place: str
    call: int = 1
    after: bool = False

    def plant(self) -> None:
        """Put it into the running process."""
        if self.place == "commit":
            connect, before_commit = duckdb.connect, self._armed(_nothing)
            watched: Any = lambda *args, **named: _Watched(connect(*args, **named), before_commit)  # noqa: E731
            duckdb.connect = watched
            return
        module, _, path = self.place.partition(":")
        owner: Any = import_module(module)
        *outer, name = path.split(".")
        for part in outer:
            owner = getattr(owner, part)
        setattr(owner, name, self._armed(getattr(owner, name)))

    def _armed(self, function: Callable[..., Any]) -> Callable[..., Any]:
        calls = 0

        def watched(*args: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == self.call and not self.after:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*args, **named)
            if calls == self.call:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return watched


def _nothing() -> None:
    pass


class _Watched:
    """A connection that tells before it commits."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, before_commit: Callable[[], None]) -> None:
        self._connection = connection
        self._before_commit = before_commit

    def __getattr__(self, name: str) -> Any:
        if name == "commit":
            self._before_commit()
        return getattr(self._connection, name)
