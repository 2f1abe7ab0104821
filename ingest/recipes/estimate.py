"""What a study would cost, from the shapes of its models alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from ingest.allocator import keep_freed_memory
from ingest.errors import InputError
from ingest.measure.correlation import Shape
from ingest.recipes.costs import Work, choose_method, seconds
from ingest.recipes.memory import Share, limit, passes_needed, share_memory, tile_bytes
from ingest.recipes.planning import batch_rows, device_of, model_pairs, threads_of
from ingest.recipes.rates import H200, H200_HALF_FORWARD, Rates, forward_rate, measured_rates
from ingest.recipes.shapes import ModelShape, populations_of, shapes_from_configs, simulated_populations, work_of
from ingest.runs.plan import Method
from ingest.study import Study
from ingest.subject.locate import config_folder, context_of, read_config

_H200_BYTES = 139 * 1024**3
_USABLE = 0.75
_DEFAULT_CONTEXT = 512
# Bytes in the warehouse, with its marts, per neuron, per neuron and partner model, and per neuron with a profile:
# measured on the demo study.
_PER_NEURON, _PER_PARTNER, _PER_PROFILE = 4_600, 2_500, 18_000
_UNITS = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True)
class Estimate:
    """Predicted cost of a study.

    Attributes:
        work: shapes and tokens.
        n_shares: that workers could do at a time.
        method: how correlations would be computed; None without.
        reason: why.
        share: passes and memory.
        seconds: by component, for all devices together.
        simulated_seconds: of the runs of simulated seeds, all together; 0 without.
        device_bytes: largest memory of a device: sums, networks, one batch.
        state_bytes: state of an unfinished run on disk.
        warehouse_bytes: of the finished warehouse, marts included.
    """

    work: Work
    n_shares: int
    method: Method | None
    reason: str
    share: Share
    seconds: dict[str, float]
    simulated_seconds: float
    device_bytes: int
    state_bytes: int
    warehouse_bytes: int


def estimate(study: Study, *, machine: str, devices: int, say: Callable[[str], None]) -> Estimate:
    """Predict what a study costs.

    Args:
        study: checked study with the number of its tokens.
        machine: `here` or `h200`.
        devices: equal devices that share the work.
        say: called with lines for the user.

    Raises:
        InputError: if a model's config.json is missing, or the study says no number of tokens.
    """
    if study.corpus is None or study.corpus.tokens is None:
        raise InputError("the plan needs [corpus] tokens: write how many are to be read")
    checkpoints = study.checkpoints()
    folders = [config_folder(model, study.folder) for model in checkpoints]
    models = shapes_from_configs(checkpoints, folders)
    lengths = [context_of(read_config(m.name, f)) for m, f in zip(checkpoints, folders, strict=True)]
    context = study.corpus.context or min([*(n for n in lengths if n is not None), _DEFAULT_CONTEXT])
    device = "cuda" if machine == "h200" else device_of(study)
    pairs = model_pairs(study, [m.identity for m in models], say)
    populations, all_pairs = populations_of(study.measure, models, pairs)
    work = work_of(study, models, populations, all_pairs, n_tokens=study.corpus.tokens, context=context)
    threads = threads_of(study)
    networks = sum(m.weights for m in models) * (4 if study.device.dtype == "float32" else 2)
    memory = study.device.memory
    has = int(memory * 1e9) if memory else int(_USABLE * _H200_BYTES) if machine == "h200" else limit(None, device)
    n_shares = (len(models) if study.measure.moments else 0) + len(all_pairs)
    devices = max(1, min(devices, n_shares))
    # Pairs are dealt out to the devices: each has its part of the exact sums, and runs all of its models.
    room = (has - networks) * devices
    rows = batch_rows(study, work, device, context, has)

    def shared(study: Study, work: Work) -> tuple[Method | None, str, Share]:
        def passes_of(method: Method) -> int | None:
            return passes_needed(study, work, method, batch_tokens=rows * context, room=room)

        asked = choose_method(work, study.measure, device, threads, passes_of) if work.pairs else (None, "no pairs")
        return *asked, share_memory(study, work, asked[0], batch_tokens=rows * context, room=room)

    method, reason, share = shared(study, work)
    h200 = H200 if study.device.dtype == "float32" else replace(H200, forward=H200_HALF_FORWARD)
    rates = h200 if machine == "h200" else _rates_here(study, models, folders, work, (rows, context))
    found = seconds(work, method, rates, n_passes=len(share.passes))
    simulated = 0.0
    if "simulated" in study.measure.validation:
        alike = study.model_copy(update={"measure": study.measure.of_simulated()})
        own = simulated_populations(models)
        more = work_of(alike, models, *own, n_tokens=study.corpus.tokens, context=context, is_simulation=True)
        how, _, theirs = shared(alike, more)
        each = sum(seconds(more, how, rates, n_passes=len(theirs.passes)).values())
        simulated = each * len(study.measure.simulated.strengths)
    alone = {name: t / (1 if name == "forward" else devices) for name, t in found.items()}
    neurons = sum(m.n_layers * m.d_mlp for m in models)
    directed = sum(work.shapes[p].n_units for pair in all_pairs for p in pair)
    exact = sum(tile_bytes(t, work.shapes, halves=False) for t in share.passes[0])
    sketches = 8 * (method.buckets or 0) * (work.n_units + work.sketched_twice) if method is not None else 0
    return Estimate(
        work=work,
        n_shares=n_shares,
        method=method,
        reason=reason,
        share=share,
        seconds=alone,
        simulated_seconds=simulated,
        device_bytes=share.memory // devices + networks,
        state_bytes=exact + sketches,
        warehouse_bytes=_PER_NEURON * neurons + _PER_PARTNER * directed + _PER_PROFILE * work.profiled,
    )


def _rates_here(
    study: Study, models: list[ModelShape], folders: list[Path], work: Work, batch: tuple[int, int]
) -> Rates:
    """Rates of this machine: a forward pass of the first model with random weights, and a second of each other kind."""
    device = device_of(study)
    torch.set_num_threads(threads_of(study))
    keep_freed_memory()
    largest = max(work.shapes, key=lambda shape: shape.n_units, default=Shape(models[0].n_layers, models[0].d_mlp))
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folders[0]))
    network = network.to(device=device, dtype=getattr(torch, study.device.dtype)).eval()
    rows, context = batch
    ids = torch.zeros(rows, context, dtype=torch.int64, device=device)
    body = network.base_model

    def read() -> None:
        with torch.no_grad():
            body(input_ids=ids, use_cache=False)

    rate = forward_rate(read, models[0].forward_flops(context) * rows * context, device)
    return measured_rates(device, largest, rate)


def print_estimate(study: Study, *, machine: str, devices: int, say: Callable[[str], None]) -> None:
    """Print what a study would cost.

    Args:
        study: checked study.
        machine: `here` or `h200`.
        devices: equal devices that share the work.
        say: called with lines for the user.

    Raises:
        InputError: as `estimate` does.
    """
    found = estimate(study, machine=machine, devices=devices, say=say)
    work, method = found.work, found.method
    where = f"{devices} x {machine}" if machine != "here" else f"this machine ({os.cpu_count()} cores)"
    say(f"{study.name}: {_short(work.n_tokens)} tokens, {len(work.shapes)} populations, {len(work.pairs)} pairs")
    if method is not None:
        say(f"method            {method.name} ({found.reason})")
        say(f"passes            {len(found.share.passes)}")
        say(f"products          {_short(work.n_tokens * work.products)}FLOP if all are computed")
    say(f"shares            {found.n_shares}, which so many workers can do at a time")
    say(f"forward passes    {_short(work.n_tokens * work.forward_flops)}FLOP")
    say(f"device memory     {_short(found.device_bytes)}B on each device")
    say(f"state on disk     {_short(found.state_bytes)}B while the run goes on")
    say(f"warehouse         {_short(found.warehouse_bytes)}B, with its marts")
    say(f"time on {where}: {_duration(sum(found.seconds.values()))}")
    for name, seconds_ in sorted(found.seconds.items(), key=lambda item: -item[1]):
        if seconds_ > 0:
            say(f"  {name:<16}{_duration(seconds_)}")
    if found.simulated_seconds:
        say(f"simulated seeds   {_duration(found.simulated_seconds)} more")


def _short(number: float) -> str:
    for size, letter in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.0f} "


def _duration(seconds_: float) -> str:
    if seconds_ >= 5400:
        return f"{seconds_ / 3600:.1f} h"
    return f"{seconds_ / 60:.1f} min" if seconds_ >= 90 else f"{seconds_:.1f} s"
