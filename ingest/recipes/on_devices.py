"""Workers of one machine: a process for each device, or on a CPU for as many threads as the study gives each."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent import futures
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

from ingest.errors import RunFailed
from ingest.recipes.dealing import IN_HAND
from ingest.recipes.sharing import MOST_DEATHS
from ingest.recipes.token_shards import keys_of
from ingest.recipes.working import Delivered, Order, Refused, compute, sum_up
from ingest.runs.shares import Block, together
from ingest.runs.state import StateFile, save


class Devices:
    """Processes of this machine."""

    def __init__(self, devices: Sequence[str | None]) -> None:
        """One worker for each entry: an accelerator that it alone sees, or None for the CPU."""
        self._devices = devices
        self.n_workers = len(devices)
        self.n_per_memory = sum(device is None for device in devices) or 1

    def deliver(self, order: Order, blocks: Sequence[Block]) -> Iterator[tuple[tuple[int, ...], Delivered | Refused]]:
        """As Executor: a process that dies is replaced, and the blocks that were in hand are computed again.

        Piece by piece then, because the system may have stopped it for memory; after another death, all that is left.
        """
        left, deaths = list(blocks), 0
        while left:
            context = multiprocessing.get_context("spawn")
            free: Queue[str | None] = context.Queue()
            for device in self._devices:
                free.put(device)
            with (
                _emptied(order.sums),
                ProcessPoolExecutor(self.n_workers, context, initializer=_take, initargs=(free,)) as pool,
            ):
                waiting, handed = deque(left), set[int]()
                try:
                    for share, found in _computed(pool, order, waiting, most=IN_HAND * self.n_workers):
                        handed.update(share)
                        yield share, found
                    return
                except BrokenProcessPool:
                    deaths += 1
                    if deaths > MOST_DEATHS:
                        raise RunFailed(f"{deaths} workers died: the system may have stopped them for memory") from None
                    whole = list(waiting) if deaths == 1 else []
                    apart = sorted(number for block in left[: len(left) - len(whole)] for number in block.pieces)
                    left = [*(Block(((number,),)) for number in apart if number not in handed), *whole]
                except BaseException:
                    # Hours of work that nobody waits for, and files in a folder that is about to go.
                    for worker in multiprocessing.active_children():
                        worker.terminate()
                    raise


@dataclass
class _Begun:
    """A block in hand: folders of the sums of its token shards, and how many of these and of its shares are left."""

    block: Block
    folders: list[Path]
    shards: int
    shares: int


@contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """A folder that is empty, even where a driver was killed, and is gone in the end."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _computed(
    pool: ProcessPoolExecutor, order: Order, waiting: deque[Block], *, most: int
) -> Iterator[tuple[tuple[int, ...], Delivered | Refused]]:
    """Shares of waiting blocks as they come; no more than so many are in hand, whose sums lie in the order's folder."""
    n_begun = 0
    running: dict[Future[Any], tuple[_Begun, tuple[int, ...] | None]] = {}

    def ask_for_shares(begun: _Begun) -> None:
        for share in begun.block.shares:
            running[pool.submit(_compute, order, share, begun.folders)] = begun, share

    while waiting or running:
        while waiting and n_begun < most:
            block = waiting.popleft()
            folders = [order.sums / f"{len(waiting)}-{groups.start}" for groups in block.shards]
            begun, n_begun = _Begun(block, folders, len(folders), len(block.shares)), n_begun + 1
            for groups, place in zip(block.shards, folders, strict=True):
                running[pool.submit(_sum_up, order, block.pieces, groups, place)] = begun, None
            if not folders:
                ask_for_shares(begun)
        # Again every second: an interrupt that another thread was given is seen between two waits only.
        for future in futures.wait(running, timeout=1.0, return_when=futures.FIRST_COMPLETED).done:
            begun, share = running.pop(future)
            found = future.result()
            if share is None:
                begun.shards -= 1
                if not begun.shards:
                    ask_for_shares(begun)
            if found is not None:
                yield share or begun.block.shares[0], found
            if share is not None:
                begun.shares -= 1
                if not begun.shares:
                    n_begun -= 1
                    for place in begun.folders:
                        shutil.rmtree(place, ignore_errors=True)


def _sum_up(order: Order, numbers: Sequence[int], groups: range, folder: Path) -> Refused | None:
    """Leave the sums of a token shard in a folder, which is not there where memory runs out."""
    folder.mkdir()
    found = sum_up(order, numbers, groups, lambda key, sums: save(sums, folder / key))
    if found is not True:
        shutil.rmtree(folder)
    return found if isinstance(found, Refused) else None


def _compute(order: Order, share: Sequence[int], folders: Sequence[Path]) -> Delivered | Refused:
    """A share, from the sums in some folders; from the text where one is not there."""
    plan = order.planned.plan
    keys = keys_of(plan, together(plan, share))
    shards = [{key: StateFile(place / key) for key in keys} for place in folders if place.is_dir()]
    return compute(order, share, shards=shards if len(shards) == len(folders) else ())


def _take(free: Queue[str | None]) -> None:
    """Choose the device of this process, before torch looks for one, and end with the driver, however that ends."""
    threading.Thread(target=_end_with_the_driver, daemon=True).start()
    device = free.get()
    if device is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = device


def _end_with_the_driver() -> None:
    driver = multiprocessing.parent_process()
    if driver is not None:
        wait([driver.sentinel])
        os._exit(1)
