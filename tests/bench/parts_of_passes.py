"""Where the time of a pass goes: what single neurons cost, by the kind of work."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest.mock import patch

import torch

from ingest.measure.classes import ClassSums
from ingest.measure.examples import Examples
from ingest.measure.histograms import Histograms
from ingest.measure.moments import Moments
from ingest.measure.profile import Profile
from ingest.recipes.profiling import Profiling
from ingest.subject.sites import Reader

FORWARD = "forward pass with hooks"
_WORK: dict[str, tuple[type, str]] = {
    FORWARD: (Reader, "read"),
    "power sums": (Moments, "update"),
    "classes of positions": (Profiling, "classified"),
    "centring, firing by place": (Profile, "update"),
    "sums by class": (ClassSums, "update"),
    "histograms": (Histograms, "update"),
    "examples": (Examples, "offer"),
}


@contextmanager
def timed_work() -> Iterator[dict[str, float]]:
    """Seconds spent on each kind of work while it is open, without those on another kind within it."""
    spent = dict.fromkeys(_WORK, 0.0)
    open_work: list[float] = []
    with ExitStack() as stack:
        for name, (owner, method) in _WORK.items():
            timed = _timed(getattr(owner, method), name, spent, open_work)
            stack.enter_context(patch.object(owner, method, timed))
        yield spent


def _timed(work: Callable[..., Any], name: str, spent: dict[str, float], open_work: list[float]) -> Callable[..., Any]:
    @wraps(work)
    def timed(*args: Any, **kwargs: Any) -> Any:
        started = _clock()
        open_work.append(0.0)
        try:
            return work(*args, **kwargs)
        finally:
            elapsed = _clock() - started
            spent[name] += elapsed - open_work.pop()
            if open_work:
                open_work[-1] += elapsed

    return timed


def _clock() -> float:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()
