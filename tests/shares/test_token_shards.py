"""Sums that were taken in token shards give the rows of a share that reads the text itself, to the last bit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal
from safetensors.torch import load_file

from ingest.measure.sketch import CountSketch
from ingest.recipes import on_devices, on_ray
from ingest.recipes.token_shards import keys_of
from ingest.recipes.working import Delivered, Order, Refused, compute, sum_up
from ingest.runs.plan import PlannedSimulation
from ingest.runs.shares import pieces_of, together
from ingest.tables import MOMENTS
from tests.shares.sharing import order_of

SHARDS = (range(5), range(5, 6), range(6, 16))


class Kept:
    """Tensors in memory: a State."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        self._tensors = tensors

    def names(self) -> list[str]:
        return list(self._tensors)

    def tensor(self, name: str) -> torch.Tensor:
        return self._tensors[name]


def summed(order: Order, pieces: Sequence[int], groups: range) -> dict[str, Kept]:
    found: dict[str, Kept] = {}
    assert sum_up(order, pieces, groups, lambda key, sums: found.update({key: Kept(sums)})) is True
    assert sorted(found) == sorted(keys_of(order.planned.plan, together(order.planned.plan, pieces)))
    return found


def assert_same(ours: Delivered | Refused, theirs: Delivered | Refused) -> None:
    assert isinstance(ours, Delivered)
    assert isinstance(theirs, Delivered)
    our, their = (dict.fromkeys(name for name, _ in each.frames) for each in (ours, theirs))
    assert our == their
    for table in our:
        tables = [pl.concat([frame for name, frame in each.frames if name == table]) for each in (ours, theirs)]
        assert_frame_equal(*tables, check_row_order=False, check_exact=True)
    assert ours.n_candidates == theirs.n_candidates


@pytest.mark.parametrize("kind", ["refined", "sites", "floors", "seeds"])
def test_every_share_has_the_same_rows(kind: str, tmp_path: Path) -> None:
    simulation = PlannedSimulation(strength=0.3, noise=0.1, seed=1) if kind == "seeds" else None
    order = order_of(kind, tmp_path, simulation)
    plan = order.planned.plan
    pieces = pieces_of(plan)
    summable = [number for number, piece in enumerate(pieces) if piece.pairs or plan.features is None]
    shards = [summed(order, summable, groups) for groups in SHARDS]
    # A share of two pairs, and of each piece alone.
    for share in [summable[-2:], *([number] for number in summable)]:
        theirs = compute(order, share)
        assert_same(compute(order, share, shards=shards), theirs)
        assert isinstance(theirs, Delivered)
        assert sum(len(frame) for _, frame in theirs.frames) > 0


def test_moments_alone_come_in_token_shards(tmp_path: Path) -> None:
    order = order_of("floors", tmp_path)
    shards = [summed(order, [1], groups) for groups in SHARDS]
    found = compute(order, [1], shards=shards)
    assert isinstance(found, Delivered)
    ((name, frame),) = found.frames
    assert name == MOMENTS.name
    assert frame["part"].n_unique() == len(order.planned.plan.rounds) * 16


def test_groups_without_rows_have_no_sums(tmp_path: Path) -> None:
    order = order_of("floors", tmp_path)
    planned = replace(order.planned, plan=replace(order.planned.plan, rounds=(3,)))
    order = replace(order, planned=planned)
    shards = [summed(order, [0, 3], range(group, group + 1)) for group in range(16)]
    for share in ([0], [3]):
        assert_same(compute(order, share, shards=shards), compute(order, share))


def test_where_memory_runs_out_a_share_reads_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order = order_of("refined", tmp_path)
    share = [len(pieces_of(order.planned.plan)) - 1]
    theirs, kept = compute(order, share), tmp_path / "kept"
    assert on_devices._sum_up(order, share, range(8), kept) is None
    assert kept.is_dir()

    def with_none(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.00 GiB")

    with monkeypatch.context() as patch:
        patch.setattr(CountSketch, "__init__", with_none)
        assert on_devices._sum_up(order, share, range(8, 16), tmp_path / "lost") is None
        sums = on_ray._sum_up(order, share, range(8, 16), None)
    assert not (tmp_path / "lost").exists()
    assert sums == [None] * len(sums)
    assert_same(on_devices._compute(order, share, [kept, tmp_path / "lost"]), theirs)
    keys = keys_of(order.planned.plan, together(order.planned.plan, share))
    there = [{name: tensor.numpy() for name, tensor in load_file(kept / key).items()} for key in keys]
    assert_same(on_ray._compute(order, share, None, keys, *there, *sums), theirs)


def test_a_worker_that_cannot_take_sums_says_why(tmp_path: Path) -> None:
    order = order_of("refined", tmp_path)
    share = [len(pieces_of(order.planned.plan)) - 1]
    keys = keys_of(order.planned.plan, together(order.planned.plan, share))
    for model in order.study.models:
        assert model.path is not None
        Path(model.path).rename(tmp_path / f"{model.name} is gone")
    refused = on_devices._sum_up(order, share, range(8), tmp_path / "sums")
    assert isinstance(refused, Refused)
    assert "there is no folder" in refused.line
    assert not (tmp_path / "sums").exists()
    assert on_ray._compute(order, share, None, keys, *on_ray._sum_up(order, share, range(8), None)) == refused
