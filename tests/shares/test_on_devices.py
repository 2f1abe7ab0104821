"""Processes of one machine share a run: the same rows as alone, whatever dies."""

from __future__ import annotations

import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import psutil
import pytest
import torch
from polars.testing import assert_frame_equal

from ingest.measure.correlation import CrossMoments, Tile
from ingest.recipes import at_hand, subjects
from ingest.recipes.working import Delivered, Order, Refused, compute
from ingest.runs.shares import pieces_of
from tests.shares.sharing import METHODS, assert_same_rows, begin, home_with, n_shares, order_of, shared, workers_of
from tests.support.commands import forked, one_line_of_refusal, wait_for
from tests.support.tables import rows

LONG = ("exact in passes", "sketch", "simulated")


@pytest.fixture(scope="module", params=[pytest.param(m, marks=[pytest.mark.slow] * (m in LONG)) for m in METHODS])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of some method, and what one process makes of it."""
    return home_with(str(request.param), tmp_path_factory.mktemp("shares"))


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_several_processes_give_the_rows_of_one(home: Path, tmp_path: Path, workers: int) -> None:
    ended = shared(home, tmp_path / "neurons.duckdb", "devices", "--workers", workers)
    assert ended.code == 0, ended.err
    assert_same_rows(tmp_path / "neurons.duckdb", home)
    (method,) = set(rows(home / "alone.duckdb", "select method from raw.runs where status = 'finished'")["method"])
    assert (f"in {workers} token shards" in ended.out) == (method != "exact")
    # As a driver leaves them that is killed in its last moment.
    (run,) = set(rows(tmp_path / "neurons.duckdb", "select run from raw.shares order by run limit 1")["run"])
    left = tmp_path / "neurons.duckdb.state" / f".{run}.sums" / "0-0"
    left.mkdir(parents=True)
    again = shared(home, tmp_path / "neurons.duckdb", "devices", "--workers", 2)
    assert "was finished before: nothing to do" in again.out
    assert not left.parent.exists()


def test_a_worker_and_then_the_driver_die(home: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "neurons.duckdb"
    going = begin(home, warehouse, "devices", "--workers", 2)
    first = wait_for("two workers", lambda: workers_of(going) if len(workers_of(going)) > 1 else None)
    first[0].kill()
    wait_for("a finished share", lambda: n_shares(warehouse), going.is_running)
    orphans = workers_of(going)
    assert going.kill().code == -9
    psutil.wait_procs(orphans, timeout=20)
    assert not any(each.is_running() for each in orphans)
    done = rows(warehouse, "select run, share, done_at from raw.shares")
    alone = forked("ingest", home / "study.toml", "--warehouse", warehouse, scratch=home / "printed")
    if set(rows(warehouse, "select status from raw.runs")["status"]) != {"finished"}:
        line = one_line_of_refusal(alone)
        assert "was begun in shares" in line or "or compute it in shares" in line
    ended = shared(home, warehouse, "devices", "--workers", 1)
    assert ended.code == 0, ended.err
    assert_same_rows(warehouse, home)
    kept = rows(warehouse, "select run, share, done_at from raw.shares").join(done, on=["run", "share", "done_at"])
    assert len(kept) == len(done) > 0
    assert not list(tmp_path.rglob("*.sums"))


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    """A study, as workers get it."""
    return order_of("sketch", tmp_path_factory.mktemp("order"))


@pytest.mark.parametrize("method", ["exact", "refined"])
def test_what_does_not_fit_in_memory_is_done_in_smaller_tiles(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(method, tmp_path)
    last = [len(pieces_of(order.planned.plan)) - 1]
    roomy = compute(order, last)
    assert isinstance(roomy, Delivered)
    assert roomy.cuts == 0
    made = CrossMoments.__init__

    def with_little_memory(self: CrossMoments, tiles: list[Tile], *others: Any) -> None:
        made(self, tiles, *others)
        if any(tile.last - tile.first > 1 for tile in tiles):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")

    monkeypatch.setattr(CrossMoments, "__init__", with_little_memory)
    found = compute(order, last)
    assert isinstance(found, Delivered)
    assert found.cuts == 1
    assert [name for name, _ in found.frames] == [name for name, _ in roomy.frames]
    for (name, ours), (_, theirs) in zip(found.frames, roomy.frames, strict=True):
        assert ours.equals(theirs), name

    def with_none(_self: CrossMoments, _tiles: list[Tile], *_others: Any) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(CrossMoments, "__init__", with_none)
    assert compute(order, last) == Refused(
        f"worker on {socket.gethostname()}: the pair two, three does not fit in memory: lower [device] memory", True
    )


@pytest.mark.parametrize("method", ["exact", "refined"])
def test_pieces_that_do_not_fit_together_are_done_apart(
    method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = order_of(method, tmp_path)
    pieces = range(len(pieces_of(order.planned.plan)))
    roomy = compute(order, pieces)
    made = CrossMoments.__init__

    def with_little_memory(self: CrossMoments, tiles: list[Tile], *others: Any) -> None:
        made(self, tiles, *others)
        if len({(tile.a, tile.b) for tile in tiles}) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")

    monkeypatch.setattr(CrossMoments, "__init__", with_little_memory)
    found = compute(order, pieces)
    assert isinstance(roomy, Delivered)
    assert isinstance(found, Delivered)
    assert found.cuts == 0
    assert found.sequences == roomy.sequences
    assert found.n_candidates == roomy.n_candidates
    for table in {name for name, _ in roomy.frames}:
        ours, theirs = (pl.concat([frame for name, frame in each.frames if name == table]) for each in (found, roomy))
        assert_frame_equal(ours, theirs, check_row_order=False, check_exact=True)


def test_a_worker_elsewhere_unpacks_the_corpus(order: Order, tmp_path: Path) -> None:
    files = at_hand.packed(order.corpus)
    here = compute(order, [3])
    there = compute(replace(order, corpus=tmp_path / "nowhere"), [3], files)
    assert isinstance(here, Delivered)
    assert isinstance(there, Delivered)
    assert [name for name, _ in here.frames] == [name for name, _ in there.frames]
    assert all(a.equals(b) for (_, a), (_, b) in zip(here.frames, there.frames, strict=True))


def test_a_worker_does_not_measure_weights_again(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(at_hand, "_loaded", {})
    monkeypatch.setattr(subjects, "rows_of_weights", measured)
    assert isinstance(compute(order, [0]), Delivered)


def test_a_worker_that_lacks_something_says_so_with_its_host(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_hand, "_loaded", {})
    monkeypatch.setattr(at_hand, "_unpacked", {})
    monkeypatch.setattr("socket.gethostname", lambda: "node-7")
    plan = order.planned.plan
    gone = [model.model_copy(update={"path": str(tmp_path / model.name)}) for model in order.study.models]
    other = replace(plan.models[0], weights_hash="other")
    lacking = {
        "there is no folder": replace(order, study=order.study.model_copy(update={"models": gone})),
        "torch is": replace(order, planned=replace(order.planned, plan=replace(plan, torch_version="0.1"))),
        "model one has other weights": replace(
            order, planned=replace(order.planned, plan=replace(plan, models=(other, *plan.models[1:])))
        ),
        "there is no corpus": replace(order, corpus=tmp_path),
    }
    for words, asked in lacking.items():
        found = compute(asked, [0])
        assert isinstance(found, Refused)
        assert found.is_input
        assert found.line.startswith("worker on node-7: ")
        assert words in found.line
        assert "\n" not in found.line


def test_what_cannot_be_shared_out_is_refused(order: Order, tmp_path: Path) -> None:
    study = order.study.folder / "study.toml"
    for options, words in (
        (["--on", "nowhere"], "no place for workers"),
        (["--on", "ray://127.0.0.1:1", "--workers", "2"], "--workers is for this machine"),
        (["--workers", "2"], "--workers needs --on"),
    ):
        ended = forked("ingest", study, "--warehouse", tmp_path / "n.duckdb", *options, scratch=tmp_path / "printed")
        assert ended.code == 2
        assert words in ended.err
        assert not (tmp_path / "n.duckdb").exists()
