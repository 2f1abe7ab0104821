"""The demo models, all pairs: every method beside the bare forward passes over the same tokens, in turns."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import polars as pl
import torch

from ingest.allocator import keep_freed_memory
from ingest.corpus.sources import open_source
from ingest.corpus.store import store_corpus
from ingest.recipes.accumulators import Accumulators
from ingest.recipes.costs import seconds
from ingest.recipes.passes import FusedPass
from ingest.recipes.pilot import candidates_of
from ingest.recipes.planning import Planned, plan_run
from ingest.recipes.profiling import Profiling
from ingest.recipes.rates import forward_rate, measured_rates
from ingest.recipes.selections import Selections
from ingest.recipes.shapes import work_of
from ingest.recipes.subjects import Subject, load_subject, shared_vocabulary
from ingest.runs.plan import Part, parts
from ingest.runs.shares import whole
from ingest.settings import STUDIES
from ingest.study import Device, Measure, Study, read_study
from ingest.subject.locate import locate_all
from tests.bench.parts_of_passes import FORWARD, timed_work

METHODS = ("sketch", "refined", "exact")
# Power sums alone, and with everything else that is measured of single neurons.
SINGLE = ("moments", "profile")


@dataclass
class Timed:
    """One way of going through the text.

    Attributes:
        seconds: after each part, in all.
        before: before the first part: the pilot.
        after: after the last part: products of sketches, selections, rotations.
        rows: selections by table.
    """

    seconds: list[float] = field(default_factory=list)
    before: float = 0.0
    after: float = 0.0
    rows: dict[str, pl.DataFrame] = field(default_factory=dict)

    def slope(self, half: int, tokens: int) -> float:
        """Seconds per token between two sizes: the parts after the first `half` ones."""
        return (self.seconds[-1] - self.seconds[half - 1]) / tokens


@dataclass(frozen=True)
class _Way:
    work: FusedPass
    sums: Accumulators | None
    planned: Planned
    moments: bool = False


def study_of(method: str, *, tokens: int, device: str, threads: int | None) -> Study:
    """The demo study on the training text with another method."""
    demo = read_study(STUDIES / "demo.toml")
    assert demo.corpus is not None
    single = method in SINGLE
    measure = Measure(moments=single, features=method == "profile", correlation="off" if single else method)  # type: ignore[arg-type]
    corpus = demo.corpus.model_copy(update={"part": "train", "tokens": tokens})
    return demo.model_copy(
        update={"corpus": corpus, "measure": measure, "device": Device(name=device, threads=threads)}
    )


def run(folder: Path, *, tokens: int, device: str, threads: int | None, say: Callable[[str], None]) -> dict[str, Any]:
    """Time and compare everything; returns the results by name.

    Args:
        folder: for the token rows.
        tokens: of the larger size; the smaller one is half of it.
        device: as in a study.
        threads: CPU threads.
        say: called with lines for the user.
    """
    studies = {m: study_of(m, tokens=tokens, device=device, threads=threads) for m in (*METHODS, *SINGLE)}
    demo = studies["exact"]
    if threads is not None:
        torch.set_num_threads(threads)
    keep_freed_memory()
    folders = locate_all(demo)
    vocabulary = shared_vocabulary(demo, folders)
    subjects = [load_subject(m, f, vocabulary) for m, f in zip(demo.checkpoints(), folders, strict=True)]
    assert demo.corpus is not None
    rows = store_corpus(demo.corpus, open_source(demo.corpus, demo.folder), vocabulary, context=128, folder=folder)
    ways: dict[str, _Way] = {}
    timed = {name: Timed() for name in ("forward", *studies)}
    for name, study in studies.items():
        planned = plan_run(study, vocabulary, subjects, rows, say)
        profiling = Profiling(study, vocabulary, rows, n_rows=planned.plan.profile_rows) if name == "profile" else None
        work = FusedPass(planned.plan, {k: _copied(s) for k, s in enumerate(subjects)}, rows, vocabulary, profiling)
        work.start()
        started = time.perf_counter()
        sums = None
        if planned.plan.method is not None:
            sums = Accumulators(planned.plan, work.shapes, work.units, planned.passes[0], None)
            if name == "refined":
                sums.candidates = candidates_of(planned, work)
        timed[name].before = time.perf_counter() - started
        ways[name] = _Way(work, sums, planned, moments=name in SINGLE)
    plan = ways["exact"].planned.plan
    bare = [_copied(s).network.to(plan.device).base_model for s in subjects]
    all_parts = parts(plan.rounds, rows.groups)
    by_part: list[dict[str, float]] = []
    for number, part in enumerate(all_parts):
        _add(timed["forward"], plan.device, lambda part=part: _forward(bare, rows.ids, part, plan))  # type: ignore[misc]
        for name, way in ways.items():
            with timed_work() as spent:
                _add(timed[name], plan.device, lambda way=way, part=part: _go(way, part))  # type: ignore[misc]
            if name == "profile":
                by_part.append(spent)
        say(
            f"part {number + 1} of {len(all_parts)}: "
            + ", ".join(f"{n} {t.seconds[-1]:.0f} s" for n, t in timed.items())
        )
    for name, way in ways.items():
        if way.sums is not None:
            _select(way, timed[name], plan.device)
    half = len(all_parts) // 2
    between = sum(len(part.rows) for part in all_parts[half:]) * plan.context
    forward = timed["forward"].slope(half, between)
    flops = sum(s.shape.forward_flops(plan.context) for s in subjects)
    return {
        "tokens": tokens,
        "tokens_between": between,
        "forward_tokens_per_s": 1 / forward,
        "ratio": {name: t.slope(half, between) / forward for name, t in timed.items() if name != "forward"},
        "profile": {
            name: sum(p[name] for p in by_part) / timed["forward"].seconds[-1] for name in by_part[0] if name != FORWARD
        },
        "before_s": {name: t.before for name, t in timed.items() if t.before > 0.01},
        "after_s": {name: t.after for name, t in timed.items() if t.after},
        "accuracy": {name: accuracy(timed[name].rows, timed["exact"].rows) for name in ("sketch", "refined")},
        "predicted": _predicted(studies, ways, timed, subjects, flops, bare, tokens=tokens),
    }


def _copied(subject: Subject) -> Subject:
    return replace(subject, network=copy.deepcopy(subject.network))


def _add(timed: Timed, device: str, work: Callable[[], None]) -> None:
    started = time.perf_counter()
    work()
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
    before = timed.seconds[-1] if timed.seconds else 0.0
    timed.seconds.append(before + time.perf_counter() - started)


def _forward(networks: list[Any], ids: Any, part: Part, plan: Any) -> None:
    for start in range(0, len(part.rows), plan.batch_rows):
        batch = torch.from_numpy(ids[part.rows[start : start + plan.batch_rows]].astype("int64")).to(plan.device)
        with torch.no_grad():
            for network in networks:
                network(input_ids=batch, use_cache=False)


def _go(way: _Way, part: Part) -> None:
    way.work.run_part(part, way.sums, lambda _: None, with_moments=way.moments)
    if way.sums is not None:
        way.sums.end_part(part.group, is_first_round=True)


def _select(way: _Way, timed: Timed, device: str) -> None:
    assert way.sums is not None
    started = time.perf_counter()
    selections = Selections(way.planned.plan, way.work.shapes, way.work.units)
    selections.take(way.sums, lambda: None)
    frames: dict[str, list[pl.DataFrame]] = {}
    for name, frame in selections.frames(way.sums):
        frames.setdefault(name, []).append(frame)
    timed.rows = {name: pl.concat(f) for name, f in frames.items()}
    timed.after = time.perf_counter() - started


def accuracy(found: dict[str, pl.DataFrame], exact: dict[str, pl.DataFrame]) -> dict[str, float]:
    """Errors against exact over the same tokens: of best correlations, of excess, of the universal set."""
    pair = ["model", "layer", "neuron", "other_model"]
    best = found["bests"].join(exact["bests"], on=pair, suffix="_exact")
    off = (best["max_corr"] - best["max_corr_exact"]).abs()
    ours, theirs = _excess(found), _excess(exact)
    both = ours.join(theirs, on=pair[:3], suffix="_exact")
    error = both["excess"] - both["excess_exact"]
    is_in, was_in = both["excess"] > 0.5, both["excess_exact"] > 0.5
    return {
        "best_within_1e-3": float((off <= 1e-3).mean()),  # type: ignore[arg-type]
        "best_largest_error": float(off.max()),  # type: ignore[arg-type]
        "excess_bias": float(error.mean()),  # type: ignore[arg-type]
        "excess_sd": float(error.std()),  # type: ignore[arg-type]
        "jaccard": float((is_in & was_in).sum() / max(1, int((is_in | was_in).sum()))),
        "n_universal": float(is_in.sum()),
        "n_universal_exact": float(was_in.sum()),
    }


def _excess(rows: dict[str, pl.DataFrame]) -> pl.DataFrame:
    pair = ["model", "layer", "neuron", "other_model"]
    rotation = rows["baselines"].filter(pl.col("kind") == "rotation")
    baseline = rotation.group_by(pair).agg(pl.col("max_corr").cast(pl.Float64).mean().alias("baseline"))
    joined = rows["bests"].join(baseline, on=pair)
    return joined.group_by(pair[:3]).agg(
        (pl.col("max_corr").cast(pl.Float64) - pl.col("baseline")).mean().alias("excess")
    )


def _predicted(
    studies: dict[str, Study],
    ways: dict[str, _Way],
    timed: dict[str, Timed],
    subjects: list[Subject],
    flops: float,
    bare: list[Any],
    *,
    tokens: int,
) -> dict[str, dict[str, float]]:
    """Seconds of the cost model beside measured ones, pilot and selections included."""
    plan = ways["exact"].planned.plan
    ids = torch.zeros(plan.batch_rows, plan.context, dtype=torch.int64, device=plan.device)
    one = flops / len(subjects) * ids.numel()

    def read() -> None:
        with torch.no_grad():
            bare[0](input_ids=ids, use_cache=False)

    rates = measured_rates(plan.device, ways["exact"].work.shapes[0], forward_rate(read, one, plan.device))
    found = {}
    for name in METHODS:
        own = ways[name].planned.plan
        assert own.method is not None
        work = work_of(
            studies[name],
            [s.shape for s in subjects],
            own,
            whole(own),
            n_tokens=tokens,
            context=own.context,
        )
        predicted = sum(seconds(work, own.method, rates).values())
        measured = timed[name].before + timed[name].seconds[-1] + timed[name].after
        found[name] = {"predicted_s": predicted, "measured_s": measured, "ratio": predicted / measured}
    return found
