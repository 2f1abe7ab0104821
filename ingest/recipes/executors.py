"""Where a run's shares are computed: `--on devices`, `--on ray`, `--on ray://HOST:PORT`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from ingest.errors import InputError
from ingest.recipes.on_devices import Devices
from ingest.recipes.on_ray import LOCAL, OnRay
from ingest.recipes.planning import device_of, threads_of
from ingest.recipes.sharing import Executor
from ingest.study import Study

_REMOTE = "ray://"


def for_workers(study: Study) -> Study:
    """The study as several workers run it: with one CPU thread each, unless it says how many.

    The number of threads decides the bits, so it must not follow from the machine that happens to plan.
    """
    if study.device.threads is not None:
        return study
    return study.model_copy(update={"device": study.device.model_copy(update={"threads": 1})})


@contextmanager
def open_executor(on: str, workers: int | None, study: Study) -> Iterator[Executor]:
    """The workers of a run; a local Ray is started and stopped.

    Args:
        on: devices, ray or ray://HOST:PORT.
        workers: how many on this machine; default: one per accelerator, or as many as its cores have threads for.
        study: whose `[device]` says what each has.

    Raises:
        InputError: if there are none such.
    """
    threads, has_gpu = threads_of(study), device_of(study).startswith("cuda")
    if on.startswith(_REMOTE):
        if workers is not None:
            raise InputError(f"--workers is for this machine, the Ray at {on} says itself what it has: leave it out")
    elif on not in ("devices", LOCAL):
        raise InputError(f"--on {on!r} is no place for workers: write devices, ray or ray://HOST:PORT")
    here = torch.cuda.device_count() if has_gpu else max(1, len(os.sched_getaffinity(0)) // threads)
    if has_gpu and workers is not None and workers > here:
        raise InputError(f"--workers {workers}: this machine has {here} accelerators")
    n_workers = workers or here
    if on == "devices":
        yield Devices([str(number) if has_gpu else None for number in range(n_workers)])
        return
    ray = OnRay(on, n_workers=n_workers, threads=threads, has_gpu=has_gpu)
    try:
        yield ray
    finally:
        ray.close()
