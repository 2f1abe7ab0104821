"""Shared runs: two workers against one on the demo study, and what the one writer would cost beside 64."""

from __future__ import annotations

import heapq
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import polars as pl

from ingest.measure.correlation import Shape, depth_tiles
from ingest.raw.warehouse import RawWarehouse
from ingest.recipes.costs import Work, method_of, seconds
from ingest.recipes.executors import for_workers, open_executor
from ingest.recipes.measuring import Opened, measure, open_study
from ingest.recipes.planning import plan_run
from ingest.recipes.rates import H200
from ingest.recipes.sharing import of_share
from ingest.recipes.working import Delivered, Order, compute
from ingest.settings import ROOT
from ingest.study import read_study
from ingest.subject.locate import locate_all
from tests.support.tables import rows

EFFICIENCY, DRIVER = 0.85, 0.05
# Ten seeds of GPT2-small on 100 M tokens: 45 pairs and ten models, a share each.
SEEDS, SHAPE, BLOCK_WEIGHTS, TOKENS, WORKERS = 10, Shape(12, 3072), 85_054_464, 100_000_000, 64
Frames = list[tuple[str, pl.DataFrame]]


def run(folder: Path, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Ingest the demo study on a local Ray with one and with two workers of one core.

    Returns:
        Seconds of both, efficiency, seconds of one model's and one pair's share, and of a pair's beside a process that
        does the same and shares nothing with it, the writer's seconds for one of the size of GPT2-small, and its share
        of the time in a simulation of 64 workers with H200s.
    """
    study = for_workers(read_study(ROOT / "ingest" / "studies" / "demo.toml"))
    took: dict[str, float] = {}
    for workers in (1, 2):
        raw = RawWarehouse(folder / f"{workers}.duckdb")
        opened = open_study(study, locate_all(study), raw, say)
        with open_executor("ray", workers, study) as executor:
            _warm(opened, executor, folder / f"warm-{workers}.duckdb", say)
            started = time.perf_counter()
            measure(opened, raw, say, executor)
            took[str(workers)] = time.perf_counter() - started
    assert opened.rows is not None
    planned = plan_run(study, opened.vocabulary, opened.subjects, opened.rows, say, is_shared=True)
    order = Order(study, planned, opened.rows.folder, opened.rows.manifest, folder / "sums")
    large = RawWarehouse(folder / "large.duckdb")
    large.write([])
    alone = {}
    # Pieces are the models, and then the pairs.
    for name, number in (("model", 0), ("pair", len(study.models))):
        compute(order, [number])  # loads the models
        found = compute(order, [number])
        assert isinstance(found, Delivered)
        alone[name] = found.seconds, _seconds_of_large(large, of_share(planned.plan.run, (number,), found))
    computed, written = ({name: each[k] for name, each in alone.items()} for k in (0, 1))
    return {
        "seconds": took,
        "shares": {workers: rows(folder / f"{workers}.duckdb", "from raw.shares").height for workers in took},
        "efficiency": took["1"] / (2 * took["2"]),
        "share_s": computed,
        "beside_s": _beside(order, len(study.models)),
        "write_s": written,
        "driver_share": _simulated(written["model"], written["pair"]),
    }


def _beside(order: Order, number: int) -> float:
    """Mean seconds of a share in two processes that compute it at the same time: what the machine itself takes away."""
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        both = [pool.submit(_seconds, order, number) for _ in range(2)]
        return fmean(each.result() for each in both)


def _seconds(order: Order, number: int) -> float:
    compute(order, [number])  # loads the models
    found = compute(order, [number])
    assert isinstance(found, Delivered)
    return found.seconds


def _seconds_of_large(raw: RawWarehouse, frames: Frames) -> float:
    """Median seconds that a share of the demo takes to write with as many neurons as GPT2-small has."""
    times = SHAPE.n_units // 2_048
    grown = [(name, pl.concat([frame] * times).rechunk()) for name, frame in frames]
    took = []
    for _ in range(3):
        started = time.perf_counter()
        raw.write(grown)
        took.append(time.perf_counter() - started)
    return sorted(took)[1]


def _warm(opened: Opened, executor: Any, warehouse: Path, say: Callable[[str], None]) -> None:
    """Let every worker import and load what it needs: a study of a few rows."""
    assert opened.rows is not None
    assert opened.study.corpus is not None
    corpus = opened.study.corpus.model_copy(update={"tokens": 32 * opened.rows.ids.shape[1]})
    small = opened.study.model_copy(update={"corpus": corpus})
    raw = RawWarehouse(warehouse)
    measure(open_study(small, locate_all(small), raw, say), raw, say, executor)


def _simulated(per_model: float, per_pair: float) -> float:
    """By how much the one writer lengthens a study of ten GPT2-smalls on 64 workers, as a share of its time.

    What a write takes is measured, what a share takes is the cost model's.
    """
    pairs = [(a, b) for a in range(SEEDS) for b in range(a + 1, SEEDS)]
    forward = 2.0 * BLOCK_WEIGHTS + 2.0 * 512 * 768 * 12
    none = Work(forward, (SHAPE,), (), (), TOKENS, 5, 2 * SHAPE.n_units, SHAPE.n_units, 0, 0, 0, ())
    tiles = tuple(depth_tiles((0, 1), [SHAPE, SHAPE], None))
    two = replace(
        none, forward_flops=2 * forward, shapes=(SHAPE, SHAPE), pairs=((0, 1),), tiles=tiles, moments=0, profiled=0
    )
    study = read_study(ROOT / "ingest" / "studies" / "demo.toml")
    model = sum(seconds(none, None, H200).values())
    pair = sum(seconds(two, method_of(study.measure, "exact"), H200).values())
    computed = [model] * SEEDS + [pair] * len(pairs)
    written = [per_model] * SEEDS + [per_pair] * len(pairs)
    return 1 - _makespan(computed, [0.0] * len(written)) / _makespan(computed, written)


def _makespan(computed: Sequence[float], written: Sequence[float]) -> float:
    """Seconds until all shares are written: computed in order by the workers, written by one as they come."""
    free = [0.0] * WORKERS
    ready = []
    for cost in computed:
        start = heapq.heappop(free)
        heapq.heappush(free, start + cost)
        ready.append(start + cost)
    now = 0.0
    for at, cost in sorted(zip(ready, written, strict=True)):
        now = max(now, at) + cost
    return now
