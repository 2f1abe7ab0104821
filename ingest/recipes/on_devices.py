"""Workers of one machine: a process for each device, or on a CPU for as many threads as the study gives each."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from multiprocessing.queues import Queue

from ingest.errors import RunFailed
from ingest.recipes.sharing import MOST_DEATHS
from ingest.recipes.working import Delivered, Order, Refused, compute


class Devices:
    """Processes of this machine."""

    def __init__(self, devices: Sequence[str | None]) -> None:
        """One worker for each entry: an accelerator that it alone sees, or None for the CPU."""
        self._devices = devices
        self.n_workers = len(devices)
        self.n_per_memory = sum(device is None for device in devices) or 1

    def deliver(
        self, order: Order, shares: Sequence[tuple[int, ...]]
    ) -> Iterator[tuple[tuple[int, ...], Delivered | Refused]]:
        """As Executor: a process that dies is replaced, and what it and its fellows had in hand is computed again.

        Piece by piece then, because the system may have stopped it for memory.
        """
        left, deaths = list(shares), 0
        while left:
            context = multiprocessing.get_context("spawn")
            free: Queue[str | None] = context.Queue()
            for device in self._devices:
                free.put(device)
            with ProcessPoolExecutor(self.n_workers, context, initializer=_take, initargs=(free,)) as pool:
                try:
                    asked = {pool.submit(compute, order, share): share for share in left}
                    for future in as_completed(asked):
                        found = future.result()
                        left.remove(asked[future])
                        yield asked[future], found
                except BrokenProcessPool:
                    deaths += 1
                    left = [(number,) for share in left for number in share]
                    if deaths > MOST_DEATHS:
                        raise RunFailed(f"{deaths} workers died: the system may have stopped them for memory") from None
                except GeneratorExit:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise


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
