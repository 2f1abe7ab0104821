"""Workers of a Ray cluster, or of a Ray of this machine that lives as long as the run."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from ingest.errors import InputError, RunFailed, first_line
from ingest.recipes.sharing import MOST_DEATHS
from ingest.recipes.working import Delivered, Order, Refused, compute, packed

LOCAL = "ray"
_ATTEMPTS = 4
_PORT = 10_001  # that Ray gives its server for drivers


class OnRay:
    """Tasks of Ray Core: a share whose worker or node dies is computed by another one."""

    def __init__(self, address: str, *, n_workers: int, threads: int, has_gpu: bool) -> None:
        """Connect, or start a local Ray.

        Args:
            address: `ray` for a local one, else `ray://HOST:PORT`.
            n_workers: of a local one.
            threads: CPU threads of each worker.
            has_gpu: whether each worker has an accelerator of its own.

        Raises:
            InputError: if Ray is not installed, or there is none at that address.
        """
        try:
            import ray
        except ImportError:
            raise InputError("--on ray needs Ray: pip install 'neuron-warehouse[cluster]'") from None
        self._ray = ray
        self._is_local = address == LOCAL
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if self._is_local:
            cpus, gpus = n_workers * threads, n_workers if has_gpu else 0
            self._connect(address, "local", num_cpus=cpus, num_gpus=gpus, include_dashboard=False)
        elif _answers(address):
            self._connect(address, address)
        else:
            raise InputError(f"--on {address}: no Ray could be reached (nothing listens there)")
        self.n_per_memory = n_workers if self._is_local and not has_gpu else 1
        self._resources = {"num_cpus": threads, "num_gpus": int(has_gpu)}
        has = ray.cluster_resources()
        self.n_workers = int(has.get("GPU", 0) if has_gpu else has.get("CPU", 0) // threads)
        if not self.n_workers:
            self.close()
            needs = "an accelerator" if has_gpu else f"{threads} CPUs"
            raise InputError(f"--on {address}: no node of this Ray has {needs}: lower [device] threads")

    def _connect(self, on: str, address: str, **named: Any) -> None:
        """Start or reach Ray; its server for drivers may crash on one connection and serve the next.

        Raises:
            InputError: if that fails again and again.
        """
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # of what the error says
                    self._ray.init(address, log_to_driver=False, logging_level=logging.ERROR, **named)
                return
            except (ConnectionError, RuntimeError, ValueError) as error:
                if attempt == _ATTEMPTS or self._is_local:
                    raise InputError(f"--on {on}: no Ray could be reached ({first_line(error)})") from None

    def deliver(
        self, order: Order, shares: Sequence[tuple[int, ...]]
    ) -> Iterator[tuple[tuple[int, ...], Delivered | Refused]]:
        """As Executor."""
        ray = self._ray
        task = ray.remote(compute).options(**self._resources, max_retries=MOST_DEATHS, scheduling_strategy="SPREAD")
        # Workers of this machine see the folder; others may not.
        common, files = ray.put(order), None if self._is_local else ray.put(packed(order.corpus))
        asked = {task.remote(common, share, files): share for share in shares}
        while asked:
            (ready,), _ = ray.wait(list(asked), num_returns=1)
            try:
                found = ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise RunFailed(f"a worker failed ({first_line(error.cause)})") from None
            except ray.exceptions.RayError as error:
                raise RunFailed(
                    f"the share of pieces {asked[ready]} was lost {MOST_DEATHS} times ({first_line(error)})"
                ) from None
            yield asked.pop(ready), found

    def close(self) -> None:
        """Disconnect; a local Ray ends."""
        self._ray.shutdown()


def _answers(address: str) -> bool:
    """Whether anything listens at an address."""
    place = urlsplit(address)
    try:
        socket.create_connection((place.hostname or "", place.port or _PORT), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True
