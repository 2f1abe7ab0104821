"""The explorer on a warehouse of the papers' size: time to each page, time of the queries behind a click, memory."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from app.lists import NeuronList, keep, names
from app.places import Place
from tests.bench.paper_warehouse import D_MLP, N_LAYERS, N_MODELS, make

PAGES = ("home", "neuron", "universality", "depth", "families", "roles", "lists", "sql")
PAINT_S, QUERIES_S, MEMORY_GIB = 2.0, 0.3, 1.0
_NEURONS = 12
_MODELS = [f"demo-{seed}" for seed in range(1, N_MODELS + 1)]


def run(folder: Path, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Make the warehouse, then look at it in a process of its own.

    Returns:
        Seconds of each page's first run, quantiles of the queries' seconds per click, the slowest queries, memory.
    """
    warehouse = folder / "neurons.duckdb"
    version = make(warehouse, say)
    if not names(warehouse):
        for name, first in (("one", 0), ("other", 500)):
            places = tuple(Place("demo-1", n % N_LAYERS, first + n // N_LAYERS) for n in range(12_000))
            keep(warehouse, NeuronList(name, places, "the benchmark's"))
    command = [sys.executable, "-m", "tests.bench.explorer", str(warehouse)]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found | {"n_neurons": N_MODELS * N_LAYERS * D_MLP, "gigabytes": version.stat().st_size / 1e9}


def _peak_gib() -> float:
    """Largest memory of this process since its program began; ru_maxrss has that of the one that started it, too."""
    status = Path("/proc/self/status").read_text()
    return float(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024**2


def looked_at(warehouse: Path) -> dict[str, Any]:
    """Every page with its clicks, in this process."""
    os.environ["NEURONS_WAREHOUSE"] = str(warehouse)
    from tests.app.looking import opened

    spent = _timed_queries()
    started = time.perf_counter()
    opened("home", {}, {})
    opening = time.perf_counter() - started
    paint: dict[str, float] = {}
    clicks: dict[str, list[float]] = {}
    for page in PAGES:
        at = opened("home", {}, {})
        paint[page] = _first_run(at, page)
        clicks[page] = [_after(act, spent) for act in _clicks(at, page)]
    every = [seconds for page in clicks.values() for seconds in page]
    return {
        "opening_s": opening,
        "paint_s": paint,
        "clicks": {page: len(found) for page, found in clicks.items()},
        "queries_p50_s": {page: float(np.quantile(found, 0.5)) for page, found in clicks.items() if found},
        "queries_p95_s": {page: float(np.quantile(found, 0.95)) for page, found in clicks.items() if found},
        "queries_p95_of_all_s": float(np.quantile(every, 0.95)),
        "slowest_s": dict(sorted(_slowest(spent).items(), key=lambda item: -item[1])[:12]),
        "peak_gib": _peak_gib(),
    }


@dataclass(frozen=True)
class _Spent:
    """A query of a page: its title, and when it began and ended."""

    title: str
    began: float
    ended: float


def _timed_queries() -> list[_Spent]:
    """From now on every query of a page leaves its times here."""
    from app import asking

    spent: list[_Spent] = []
    plain = vars(asking)["run_query"]

    def timed(con: Any, sql: str, *given: Any, **more: Any) -> Any:
        started = time.perf_counter()
        try:
            return plain(con, sql, *given, **more)
        finally:
            spent.append(_Spent(sql.splitlines()[0].removeprefix("-- "), started, time.perf_counter()))

    vars(asking)["run_query"] = timed
    return spent


def _first_run(at: Any, page: str) -> float:
    """Seconds of the first run of a page whose answers nobody has asked for before."""
    from app import asking

    if page != "home":
        at.switch_page(str(Path("app/views").resolve() / f"{page}.py"))
    vars(asking)["_answers"].clear()
    started = time.perf_counter()
    at.run()
    assert not at.exception, at.exception
    return time.perf_counter() - started


def _after(act: Callable[[], Any], spent: list[_Spent]) -> float:
    """Seconds that one click waits for its queries; some of them run side by side."""
    spent_before = len(spent)
    at = act()
    assert not at.exception, at.exception
    waited, until = 0.0, 0.0
    for query in sorted(spent[spent_before:], key=lambda each: each.began):
        waited += max(0.0, query.ended - max(query.began, until))
        until = max(until, query.ended)
    return waited


def _slowest(spent: list[_Spent]) -> dict[str, float]:
    slowest: dict[str, float] = {}
    for query in spent:
        slowest[query.title] = max(query.ended - query.began, slowest.get(query.title, 0.0))
    return slowest


def _clicks(at: Any, page: str) -> Iterator[Callable[[], Any]]:
    """What people do on a page, one at a time."""
    yield from {
        "neuron": _on_neurons,
        "universality": _on_universality,
        "depth": _on_depth,
        "families": _on_families,
        "roles": _on_roles,
        "lists": _on_lists,
    }.get(page, lambda _: iter(()))(at)


def _set(at: Any, kind: str, key: str, value: Any) -> Any:
    return getattr(at, kind)(key=key).set_value(value).run()


def _choose(at: Any, key: str, index: int) -> Any:
    box = at.selectbox(key=key)
    return box.select_index(index % len(box.options)).run()


def _go(at: Any, place: Place) -> Any:
    for name, value in place.address.items():
        at.query_params[name] = value
    return at.run()


def _press(at: Any, key: str) -> Any:
    return at.button(key=key).click().run()


def _on_neurons(at: Any) -> Iterator[Callable[[], Any]]:
    draw = random.Random(0)
    for _ in range(_NEURONS):
        yield partial(_go, at, Place(draw.choice(_MODELS), draw.randrange(N_LAYERS), draw.randrange(D_MLP)))
        there = {each.key: each for each in at.segmented_control}
        if "beside" in there:
            yield partial(_set, at, "segmented_control", "beside", there["beside"].options[-1])
        for text in ("full row", "snippet") if "own-text" in there else ():
            yield partial(_set, at, "segmented_control", "own-text", text)
        for step in ("next", "random", "next universal"):
            yield partial(_press, at, f"go-{step}")


def _on_universality(at: Any) -> Iterator[Callable[[], Any]]:
    for model in _MODELS[1:]:
        yield partial(_set, at, "selectbox", "of", model)
        yield partial(_set, at, "selectbox", f"layer-of-{N_LAYERS}", 5)
        yield partial(_set, at, "selectbox", f"other-of-{model}", _MODELS[0])
        yield partial(_set, at, "selectbox", f"layer-of-{N_LAYERS}", None)
    for threshold in (0.3, 0.4, 0.6):
        yield partial(_set, at, "slider", "slider-universal_threshold", threshold)


def _on_depth(at: Any) -> Iterator[Callable[[], Any]]:
    yield partial(_set, at, "multiselect", "models", _MODELS)
    yield partial(_set, at, "segmented_control", "cutoff", "")


def _on_families(at: Any) -> Iterator[Callable[[], Any]]:
    for model in _MODELS[:2]:
        yield partial(_set, at, "selectbox", "of", model)
        for family in at.selectbox(key="family").options:
            yield partial(_set, at, "selectbox", "family", family)
        for universal in (True, False):
            yield partial(_set, at, "toggle", "universal", universal)
    for cutoff in (0.2, 0.3):
        yield partial(_set, at, "slider", "slider-unigram_cutoff", cutoff)


def _on_roles(at: Any) -> Iterator[Callable[[], Any]]:
    for model in _MODELS[:2]:
        yield partial(_set, at, "selectbox", "of", model)
        for role in at.selectbox(key="role").options:
            yield partial(_set, at, "selectbox", "role", role)
    for index in (0, -1):
        yield partial(_choose, at, "choice-role_null_share", index)


def _on_lists(at: Any) -> Iterator[Callable[[], Any]]:
    yield partial(_set, at, "selectbox", "list", "other")
    yield partial(_set, at, "segmented_control", "how", "in either")


if __name__ == "__main__":
    print(json.dumps(looked_at(Path(sys.argv[1]))))
