"""What is left when a worker dies, or when nobody waits for the others any more."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any, cast

import pytest

from ingest.recipes import on_devices
from ingest.recipes.dealing import IN_HAND
from ingest.recipes.on_devices import Devices
from ingest.recipes.token_shards import keys_of
from ingest.recipes.working import Delivered, Order, Refused
from ingest.runs.shares import Block, pieces_of, together
from tests.shares.sharing import order_of


@pytest.fixture(scope="module")
def order(tmp_path_factory: pytest.TempPathFactory) -> Order:
    """A study, as workers get it."""
    return order_of("sketch", tmp_path_factory.mktemp("order"))


def test_after_one_death_what_nobody_had_begun_stays_together(order: Order, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = [Block(((0, 1), (2,))), Block(((3, 4),), (range(16),)), Block(((5, 6),))]
    asked: list[list[Block]] = []

    def dying(
        _pool: ProcessPoolExecutor, _order: Order, waiting: deque[Block], *, most: int
    ) -> Iterator[tuple[tuple[int, ...], Delivered | Refused]]:
        assert most == IN_HAND
        asked.append(list(waiting))
        waiting.popleft()
        if len(asked) == 1:
            yield (2,), Refused("stands for what a share gives", is_input=False)
        if len(asked) < 3:
            raise BrokenProcessPool

    monkeypatch.setattr(on_devices, "_computed", dying)
    handed = [share for share, _ in Devices([None]).deliver(order, blocks)]
    assert handed == [(2,)]
    assert asked == [
        blocks,
        [Block(((0,),)), Block(((1,),)), *blocks[1:]],
        [Block(((number,),)) for number in (0, 1, 3, 4, 5, 6)],
    ]


def test_workers_end_when_nobody_waits_for_them(order: Order) -> None:
    n_pieces = len(pieces_of(order.planned.plan))
    blocks = [Block(((number,),)) for number in range(n_pieces)]
    delivered = cast("Generator[Any]", Devices([None, None]).deliver(order, blocks))
    share, found = next(delivered)
    assert isinstance(found, Delivered)
    assert len(share) == 1
    assert len(multiprocessing.active_children()) == 2
    assert order.sums.is_dir()
    delivered.close()
    assert not multiprocessing.active_children()
    assert not order.sums.exists()


def test_a_share_opens_no_file_before_it_reads_it(
    order: Order, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = order.planned.plan
    pairs = [number for number, piece in enumerate(pieces_of(plan)) if piece.pairs]
    folders = [tmp_path / "first", tmp_path / "second"]
    for groups, folder in zip((range(8), range(8, 16)), folders, strict=True):
        assert on_devices._sum_up(order, pairs, groups, folder) is None
    n_open: list[int] = []

    def counted(_order: Order, _share: list[int], *, shards: list[dict[str, object]]) -> Refused:
        n_open.append(len(list(Path("/proc/self/fd").iterdir())))
        assert [[*shard] for shard in shards] == [keys_of(plan, together(plan, [pairs[0]]))] * 2
        return Refused("", is_input=False)

    monkeypatch.setattr(on_devices, "compute", counted)
    before = len(list(Path("/proc/self/fd").iterdir()))
    on_devices._compute(order, [pairs[0]], folders)
    assert n_open == [before]
    assert len(list(folders[0].iterdir())) > len(keys_of(plan, together(plan, [pairs[0]])))
