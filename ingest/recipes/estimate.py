"""What a study would cost, from the shapes of its models alone."""

from __future__ import annotations

import heapq
import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from ingest.allocator import keep_freed_memory
from ingest.errors import InputError
from ingest.measure.correlation import Shape
from ingest.names import GROUPS
from ingest.recipes.costs import SELECTING, Work, seconds
from ingest.recipes.dealing import IN_HAND, deal
from ingest.recipes.fitting import Fitted, fit
from ingest.recipes.memory import limit, sketch_bytes, tile_bytes
from ingest.recipes.planning import device_of, model_pairs, threads_of
from ingest.recipes.rates import H200, H200_HALF_FORWARD, Rates, forward_rate, measured_rates
from ingest.recipes.shapes import ModelShape, populations_of, shapes_from_configs, simulated_populations
from ingest.recipes.spreading import Spread
from ingest.runs.plan import Method
from ingest.runs.shares import Block, Extent, pieces_of, together
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
        n_pieces: models and pairs, which so many workers could compute at a time.
        n_shares: that the devices compute; 1 in one process.
        n_shards: parts of the text that sums of some of these are taken of apart.
        method: how correlations would be computed; None without.
        reason: why.
        spread: passes and memory.
        seconds: by component, of all devices together.
        elapsed: seconds until the last device has ended, the runs of simulated seeds not counted.
        simulated_seconds: of these, all together; 0 without.
        device_bytes: largest memory of a device: sums, networks, one batch.
        state_bytes: state of an unfinished run on disk, or sums of token shards on their way.
        warehouse_bytes: of the finished warehouse, marts included.
    """

    work: Work
    n_pieces: int
    n_shares: int
    n_shards: int
    method: Method | None
    reason: str | None
    spread: Spread
    seconds: dict[str, float]
    elapsed: float
    simulated_seconds: float
    device_bytes: int
    state_bytes: int
    warehouse_bytes: int


def estimate(study: Study, *, machine: str, devices: int | None, say: Callable[[str], None]) -> Estimate:
    """Predict what a study costs.

    Args:
        study: checked study with the number of its tokens.
        machine: `here` or `h200`.
        devices: equal devices that compute it in shares; None for one process.
        say: called with lines for the user.

    Raises:
        InputError: if a model's config.json is missing, the study says no number of tokens, or it does not fit.
    """
    if study.corpus is None or study.corpus.tokens is None:
        raise InputError("the plan needs [corpus] tokens: write how many are to be read")
    n_tokens = study.corpus.tokens
    checkpoints = study.checkpoints()
    folders = [config_folder(model, study.folder) for model in checkpoints]
    models = shapes_from_configs(checkpoints, folders)
    lengths = [context_of(read_config(m.name, f)) for m, f in zip(checkpoints, folders, strict=True)]
    context = study.corpus.context or min([*(n for n in lengths if n is not None), _DEFAULT_CONTEXT])
    device = "cuda" if machine == "h200" else device_of(study)
    pairs = model_pairs(study, [m.identity for m in models], say)
    populations, all_pairs = populations_of(study.measure, models, pairs)
    run = Extent(models, populations, all_pairs, study.measure.moments)
    memory = study.device.memory
    has = int(memory * 1e9) if memory else int(_USABLE * _H200_BYTES) if machine == "h200" else limit(None, device)
    networks = sorted(m.weights * getattr(torch, study.device.dtype).itemsize for m in models)
    loaded, by_worker = sum(networks), sum(networks[-2:])  # two models at least

    def fitted(study: Study, run: Extent, *, is_simulation: bool) -> Fitted:
        return fit(
            study,
            models,
            run,
            n_tokens=n_tokens,
            context=context,
            device=device,
            threads=threads_of(study),
            room=has - (loaded if devices is None else by_worker),
            room_of_piece=has - by_worker,
            is_shared=devices is not None,
            is_simulation=is_simulation,
        )

    found = fitted(study, run, is_simulation=False)
    h200 = H200 if study.device.dtype == "float32" else replace(H200, forward=H200_HALF_FORWARD)
    rates = h200 if machine == "h200" else _rates_here(study, models, folders, found, context)
    blocks = _blocks(run, found, devices)
    costs = _costs(run, found, rates, blocks)
    simulated = 0.0
    if "simulated" in study.measure.validation:
        alike = study.model_copy(update={"measure": study.measure.of_simulated()})
        of_seeds = Extent(models, *simulated_populations(models), moments=False)
        theirs = fitted(alike, of_seeds, is_simulation=True)
        each = _costs(of_seeds, theirs, rates, _blocks(of_seeds, theirs, devices))
        simulated = _elapsed(each, devices) * len(study.measure.simulated.strengths)
    work, method = found.work, found.method
    neurons = sum(m.n_layers * m.d_mlp for m in models)
    directed = sum(work.shapes[p].n_units for pair in all_pairs for p in pair)
    parts = [part for cost in costs for part in (*cost.shards, *cost.shares)]
    exact = sum(tile_bytes(t, work.shapes, halves=False) for t in found.spread.passes[0])
    sketches = sketch_bytes(work.n_units + work.sketched_twice, method) if method is not None else 0
    return Estimate(
        work=work,
        n_pieces=len(pieces_of(run)),
        n_shares=sum(len(block.shares) for block in blocks),
        n_shards=sum(len(block.shards) for block in blocks),
        method=method,
        reason=found.reason,
        spread=found.spread,
        seconds={name: sum(part.get(name, 0.0) for part in parts) for name in dict.fromkeys(chain(*parts))},
        elapsed=_elapsed(costs, devices),
        simulated_seconds=simulated,
        device_bytes=found.spread.memory + loaded if devices is None else _device_bytes(run, found, blocks),
        state_bytes=exact + sketches if devices is None else _bytes_on_the_way(run, found, blocks, devices),
        warehouse_bytes=_PER_NEURON * neurons + _PER_PARTNER * directed + _PER_PROFILE * work.profiled,
    )


@dataclass(frozen=True)
class _Cost:
    """Seconds by component of a block: of each of its token shards, and of each of its shares."""

    shards: list[dict[str, float]]
    shares: list[dict[str, float]]


def _blocks(run: Extent, found: Fitted, devices: int | None) -> list[Block]:
    """What devices would be dealt; one process computes all of it."""
    every = range(len(pieces_of(run)))
    if devices is None:
        return [Block((tuple(every),))]
    return deal(run, found.spread.passes, found.held, found.times, every, devices)


def _costs(run: Extent, found: Fitted, rates: Rates, blocks: list[Block]) -> list[_Cost]:
    """Seconds of each block."""
    in_passes: dict[tuple[int, int], set[int]] = defaultdict(set)
    for number, tiles in enumerate(found.spread.passes):
        for tile in tiles:
            in_passes[tile.a, tile.b].add(number)

    def of(pieces: tuple[int, ...]) -> dict[str, float]:
        share = together(run, pieces)
        n_passes = max(1, len(set().union(*(in_passes[pair] for pair in share.pairs))))
        return seconds(found.work_of(share), found.method if share.pairs else None, rates, n_passes=n_passes)

    costs = []
    for block in blocks:
        shares = [of(share) for share in block.shares]
        if not block.shards:
            costs.append(_Cost([], shares))
            continue
        sums = {name: taken for name, taken in of(block.pieces).items() if name not in SELECTING}
        selections = [{name: share[name] for name in SELECTING if name in share} for share in shares]
        # Every token shard has the whole pilot.
        parts = [{n: s * (1 if n == "pilot" else len(g) / GROUPS) for n, s in sums.items()} for g in block.shards]
        costs.append(_Cost(parts, selections))
    return costs


def _device_bytes(run: Extent, found: Fitted, blocks: list[Block]) -> int:
    """Bytes that the largest share or token shard holds with its networks."""
    parts = chain(*([block.pieces] if block.shards else block.shares for block in blocks))
    shares = [together(run, pieces) for pieces in parts]
    networks = [sum(found.held.networks[model] for model in share.subjects(run)) for share in shares]
    return max((found.held.of(run, share) + own for share, own in zip(shares, networks, strict=True)), default=0)


def _bytes_on_the_way(run: Extent, found: Fitted, blocks: list[Block], devices: int) -> int:
    """Bytes of the sketches of the largest blocks that are in hand at a time."""
    if found.method is None:
        return 0
    twice, shapes, sizes = 2 if found.work.sketched_twice else 1, found.work.shapes, []
    for block in blocks:
        populations = together(run, block.pieces).populations(run) if block.shards else ()
        sizes.append(sketch_bytes(twice * sum(shapes[p].n_units for p in populations), found.method))
    return sum(sorted(sizes, reverse=True)[: IN_HAND * devices])


def _elapsed(costs: list[_Cost], devices: int | None) -> float:
    """Seconds until the last share is done, each begun in its turn by the first device that is free."""
    free, ready = [0.0] * (devices or 1), list[float]()
    for cost in costs:
        ends = [0.0]
        for each in cost.shards or cost.shares:
            ends.append(free[0] + sum(each.values()))
            heapq.heapreplace(free, ends[-1])
        ready.append(max(ends))
    for begun, cost in zip(ready, costs, strict=True):
        for each in cost.shares if cost.shards else ():
            heapq.heapreplace(free, max(free[0], begun) + sum(each.values()))
    return max(free)


def _rates_here(study: Study, models: list[ModelShape], folders: list[Path], found: Fitted, context: int) -> Rates:
    """Rates of this machine: a forward pass of the first model with random weights, and a second of each other kind."""
    device = device_of(study)
    torch.set_num_threads(threads_of(study))
    keep_freed_memory()
    largest = max(
        found.work.shapes, key=lambda shape: shape.n_units, default=Shape(models[0].n_layers, models[0].d_mlp)
    )
    network = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folders[0]))
    network = network.to(device=device, dtype=getattr(torch, study.device.dtype)).eval()
    rows = found.batch_rows
    ids = torch.zeros(rows, context, dtype=torch.int64, device=device)
    body = network.base_model

    def read() -> None:
        with torch.no_grad():
            body(input_ids=ids, use_cache=False)

    rate = forward_rate(read, models[0].forward_flops(context) * rows * context, device)
    return measured_rates(device, largest, rate)


def print_estimate(study: Study, *, machine: str, devices: int | None, say: Callable[[str], None]) -> None:
    """Print what a study would cost.

    Args:
        study: checked study.
        machine: `here` or `h200`.
        devices: equal devices that compute it in shares; None for one process.
        say: called with lines for the user.

    Raises:
        InputError: as `estimate` does.
    """
    found = estimate(study, machine=machine, devices=devices, say=say)
    work, method = found.work, found.method
    where = machine if machine != "here" else f"this machine ({os.cpu_count()} cores)"
    where = f"{devices or 1} x {where}"
    say(f"{study.name}: {_short(work.n_tokens)} tokens, {len(work.shapes)} populations, {len(work.pairs)} pairs")
    if method is not None:
        say(f"method            {method.name} ({found.reason})")
        say(f"passes            {len(found.spread.passes)}")
        say(f"products          {_short(work.n_tokens * work.products)}FLOP if all are computed")
    say(f"forward passes    {_short(work.n_tokens * work.forward_flops)}FLOP if every model is run once")
    say(f"models and pairs  {found.n_pieces}, which so many workers can compute at a time")
    say(f"device memory     {_short(found.device_bytes)}B on each device")
    say(f"state on disk     {_short(found.state_bytes)}B while the run goes on")
    say(f"warehouse         {_short(found.warehouse_bytes)}B, with its marts")
    say(f"time on {where}: {_duration(found.elapsed)}")
    if devices is not None:
        cut = f" and {found.n_shards} token shards" if found.n_shards else ""
        say(f"in {found.n_shares} shares{cut}, of all devices together {_duration(sum(found.seconds.values()))}:")
    for name, seconds_ in sorted(found.seconds.items(), key=lambda item: -item[1]):
        if seconds_ > 0:
            say(f"  {name:<16}{_duration(seconds_)}")
    if found.simulated_seconds:
        say(f"simulated seeds   {_duration(found.simulated_seconds)} more")
    if devices is None and len(found.spread.passes) > 1:
        shared = estimate(study, machine=machine, devices=1, say=lambda _line: None)
        if shared.elapsed < found.elapsed:
            say(f"less in shares: {_duration(shared.elapsed)}, neurons ingest --on devices")


def _short(number: float) -> str:
    for size, letter in _UNITS:
        if number >= size:
            return f"{number / size:.3g} {letter}"
    return f"{number:.0f} "


def _duration(seconds_: float) -> str:
    if seconds_ >= 5400:
        return f"{seconds_ / 3600:.1f} h"
    return f"{seconds_ / 60:.1f} min" if seconds_ >= 90 else f"{seconds_:.1f} s"
