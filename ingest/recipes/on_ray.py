"""Workers of a Ray cluster, or of a Ray of this machine that lives as long as the run."""

from __future__ import annotations

import logging
import os
import socket
import warnings
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import torch
from numpy.typing import NDArray

from ingest.errors import InputError, RunFailed, first_line
from ingest.recipes.at_hand import packed
from ingest.recipes.dealing import IN_HAND
from ingest.recipes.sharing import MOST_DEATHS
from ingest.recipes.token_shards import keys_of
from ingest.recipes.working import Delivered, Order, Refused, compute, sum_up
from ingest.runs.plan import Plan
from ingest.runs.shares import Block, together

# Of a key, by name.
_Arrays = dict[str, NDArray[np.generic]]
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

    def deliver(self, order: Order, blocks: Sequence[Block]) -> Iterator[tuple[tuple[int, ...], Delivered | Refused]]:
        """As Executor."""
        ray, waiting = self._ray, deque(blocks)
        plan = order.planned.plan
        # Workers of this machine see the folder; others may not.
        common, files = ray.put(order), None if self._is_local else ray.put(packed(order.corpus))
        asked: dict[Any, tuple[int, tuple[int, ...]]] = {}
        while waiting or asked:
            while waiting and len({number for number, _ in asked.values()}) < IN_HAND * self.n_workers:
                block = waiting.popleft()
                asked |= {task: (len(waiting), share) for task, share in self._asked(plan, block, common, files)}
            (ready,), _ = ray.wait(list(asked), num_returns=1)
            _, share = asked.pop(ready)
            try:
                found = ray.get(ready)
            except ray.exceptions.RayTaskError as error:
                raise RunFailed(f"a worker failed ({first_line(error.cause)})") from None
            except ray.exceptions.RayError as error:
                raise RunFailed(
                    f"the share of pieces {share} was lost {MOST_DEATHS} times ({first_line(error)})"
                ) from None
            yield share, found

    def _asked(self, plan: Plan, block: Block, common: Any, files: Any) -> Iterator[tuple[Any, tuple[int, ...]]]:
        """Tasks of a block's shares, which wait for the sums that they need; nothing else refers to these."""
        keys = keys_of(plan, together(plan, block.pieces))
        task = self._task(_sum_up, "sum_up", len(keys))
        shards = []
        for groups in block.shards:
            found = task.remote(common, block.pieces, groups, files)
            shards.append(dict(zip(keys, found if len(keys) > 1 else [found], strict=True)))
        task = self._task(_compute, "compute", 1)
        for share in block.shares:
            own = keys_of(plan, together(plan, share))
            yield task.remote(common, share, files, own, *(shard[key] for shard in shards for key in own)), share

    def _task(self, work: Callable[..., Any], name: str, n_results: int) -> Any:
        options = {"max_retries": MOST_DEATHS, "scheduling_strategy": "SPREAD"} | self._resources
        return self._ray.remote(work).options(**options, name=name, num_returns=n_results)

    def close(self) -> None:
        """Disconnect; a local Ray ends."""
        self._ray.shutdown()


def _sum_up(order: Order, numbers: Sequence[int], groups: range, files: Mapping[str, bytes] | None) -> list[Any] | Any:
    """The sums of a token shard, one result per key, so that they travel to where they are needed only."""
    kept: dict[str, _Arrays] = {}

    def put(key: str, sums: dict[str, torch.Tensor]) -> None:
        kept[key] = {name: tensor.numpy() for name, tensor in sums.items()}

    found = sum_up(order, numbers, groups, put, files)
    keys = keys_of(order.planned.plan, together(order.planned.plan, numbers))
    missing = found if isinstance(found, Refused) else None
    results = [kept[key] if found is True else missing for key in keys]
    return results if len(results) > 1 else results[0]


class _Stored:
    """Sums that lie in Ray's store, whose arrays are read there: a State."""

    def __init__(self, arrays: _Arrays) -> None:
        self._arrays = arrays

    def names(self) -> list[str]:
        """Names of the tensors."""
        return list(self._arrays)

    def tensor(self, name: str) -> torch.Tensor:
        """One of them, copied: what is in the store must not change."""
        return torch.tensor(self._arrays[name])


def _compute(
    order: Order, share: Sequence[int], files: Mapping[str, bytes] | None, keys: Sequence[str], *sums: Any
) -> Delivered | Refused:
    """A share, from the sums of its keys in each of its token shards, if it has any."""
    for refused in sums:
        if isinstance(refused, Refused):
            return refused
    if any(each is None for each in sums):  # memory ran out there: piece by piece from the text, then
        sums = ()
    stored = [_Stored(arrays) for arrays in sums]
    shards = [dict(zip(keys, stored[k : k + len(keys)], strict=True)) for k in range(0, len(sums), len(keys))]
    return compute(order, share, files, shards)


def _answers(address: str) -> bool:
    """Whether anything listens at an address."""
    place = urlsplit(address)
    try:
        socket.create_connection((place.hostname or "", place.port or _PORT), timeout=5).close()
    except (OSError, ValueError):
        return False
    return True
