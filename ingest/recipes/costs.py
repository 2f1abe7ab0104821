"""What a study costs: operations counted from shapes, and time from the rates of a machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch

from ingest.measure.candidates import Candidates
from ingest.measure.correlation import CrossMoments, Shape, Tile
from ingest.measure.moments import Moments
from ingest.measure.sketch import CountSketch
from ingest.measure.units import Place, UnitSums
from ingest.names import GROUPS
from ingest.runs.plan import Method, MethodName
from ingest.study import Measure


@dataclass(frozen=True)
class Rates:
    """How fast a machine is.

    Attributes:
        forward: FLOPs per second of the models' forward passes.
        product: FLOPs per second of sums of products of all pairs.
        moments: activations per second that moments are taken of.
        standardise: activations per second that are standardised and summed.
        sketch: activations per second that go into both sketches.
        turn: activations per second that are put side by side for candidates.
        sampled: products of two units per second, one position each.
        select: correlations per second that are ranked.
    """

    forward: float
    product: float
    moments: float
    standardise: float
    sketch: float
    turn: float
    sampled: float
    select: float

    def times(self, factor: float) -> Rates:
        """Of that many equal machines."""
        return Rates(*(factor * rate for rate in vars(self).values()))


# Orders of magnitude, enough to choose a method by: the choice must not depend on how busy a machine is. A CPU's are
# per thread; an H200's assume float32 forward passes at 60% of its 67 TFLOP/s, half-precision ones at 40% and products
# at 65% of its 989 TFLOP/s, and 4.8 TB/s of memory traffic. None of them was measured on an H200.
CPU_THREAD = Rates(4e10, 9e10, 2e8, 3e8, 3e8, 5e8, 4e9, 5e7)
H200_HALF_FORWARD = 4e14
H200 = Rates(4e13, 6.4e14, 3e10, 2e11, 1e11, 2e11, 2e11, 2e10)


@dataclass(frozen=True)
class Work:
    """Shapes of a study.

    Attributes:
        forward_flops: of all models' forward passes, per token.
        shapes: of all populations, twins too.
        pairs: of populations.
        tiles: of all pairs.
        n_tokens: positions of the corpus.
        draws: rotations per layer.
        moments: activations per token that moments are taken of.
        sketched_twice: units whose shifted sketch is kept as well.
        floor_pairs: pairs with shifted partners and with twins.
    """

    forward_flops: float
    shapes: tuple[Shape, ...]
    pairs: tuple[tuple[int, int], ...]
    tiles: tuple[Tile, ...]
    n_tokens: int
    draws: int
    moments: int
    sketched_twice: int
    floor_pairs: tuple[tuple[int, int], ...]

    @property
    def products(self) -> float:
        """FLOPs per position of the sums of products of all pairs."""
        return sum(2.0 * self.shapes[t.a].width * self.shapes[t.b].width * (t.last - t.first) for t in self.tiles)

    @property
    def within(self) -> float:
        """FLOPs per position of the sums of products within layers."""
        return sum(2.0 * s.n_units * s.width for s in self.shapes)

    @property
    def n_units(self) -> int:
        """Units of all populations."""
        return sum(s.n_units for s in self.shapes)


def method_of(measure: Measure, name: str) -> Method:
    """The method of that name with the study's parameters."""
    is_refined = name == "refined"
    buckets = measure.sketch.buckets if name != "exact" or {"shift", "twin"} & set(measure.floors) else None
    return Method(
        name=cast(MethodName, name),
        buckets=buckets,
        sketch_seed=measure.sketch.seed if buckets is not None else None,
        pilot_tokens=measure.pilot.tokens if is_refined else None,
        max_candidates=measure.pilot.candidates if is_refined else None,
    )


def seconds(work: Work, method: Method, rates: Rates, *, n_passes: int = 1) -> dict[str, float]:
    """Predicted seconds by component; candidates are taken as two thirds of the most that may be.

    Args:
        work: shapes and tokens.
        method: how correlations are computed.
        rates: of the machine.
        n_passes: times that the text is read.
    """
    tokens, estimates = work.n_tokens, 1 if method.name == "exact" else 2
    found = {
        "forward": n_passes * tokens * work.forward_flops / rates.forward,
        "moments": tokens * work.moments / rates.moments,
        "standardise": n_passes * tokens * work.n_units / rates.standardise,
    }
    if method.name == "exact":
        found["products"] = tokens * (work.products + work.within) / rates.product
    if method.buckets is not None:
        found["sketches"] = tokens * (work.n_units + work.sketched_twice) / rates.sketch
    if method.name == "refined":
        assert method.pilot_tokens is not None
        assert method.max_candidates is not None
        directed = sum(work.shapes[p].n_units for pair in work.pairs for p in pair)
        in_play = directed * method.max_candidates / 3
        found["candidates"] = tokens * (work.n_units / rates.turn + in_play / rates.sampled)
        pilot = min(tokens, method.pilot_tokens)
        found["pilot"] = pilot * (work.forward_flops / rates.forward + work.products / rates.product)
    if method.buckets is not None:
        floors = sum(2.0 * work.shapes[a].n_units * work.shapes[b].n_units for a, b in work.floor_pairs)
        mine = 0.0 if method.name == "exact" else work.products + work.within
        found["sketch products"] = 2.0 * method.buckets * (mine + floors) / rates.product
    turned = sum(
        2.0 * width * (t.last - t.first) * work.shapes[t.b].width * work.shapes[t.a].width
        for t in work.tiles
        for width in (work.shapes[t.a].width, work.shapes[t.b].width)
    )
    found["rotations"] = estimates * work.draws * turned / rates.product
    found["selections"] = estimates * work.products / rates.select
    return found


# Below this, the answer without an error of its own is worth the wait.
_PATIENCE_S = 900.0
_WORTH = 2.5


def choose_method(
    work: Work, measure: Measure, device: str, threads: int, fits: Callable[[Method], bool]
) -> tuple[Method, str]:
    """The method of a study, and why.

    `auto` takes the most accurate method that fits in memory and is done soon, or is not much dearer than the cheapest:
    exact, then refined, then sketch.

    Args:
        work: shapes and tokens.
        measure: what the study asks for.
        device: torch device.
        threads: CPU threads.
        fits: whether a method fits in memory.
    """
    if measure.correlation != "auto":
        return method_of(measure, measure.correlation), "the study asks for it"
    rates = H200 if device.startswith("cuda") else CPU_THREAD.times(threads)
    methods = {name: method_of(measure, name) for name in ("exact", "refined", "sketch")}
    total = {name: sum(seconds(work, m, rates).values()) for name, m in methods.items() if fits(m)}
    if not total:
        return methods["exact"], "auto: none fits in memory"
    limit = max(_PATIENCE_S, _WORTH * min(total.values()))
    chosen = next(name for name, t in total.items() if t <= limit)
    figures = [f"{name} {total[name]:,.0f} s" if name in total else f"{name} does not fit" for name in methods]
    return methods[chosen], f"auto: {', '.join(figures)} on a nominal machine like this one"


def measured_rates(device: str, shape: Shape, forward: float) -> Rates:
    """Rates of this machine for layers of that width, from a second of trying each kind of work.

    Args:
        device: torch device.
        shape: of a typical population; of wide ones only a few layers are tried.
        forward: FLOPs per second of the models' forward passes, measured by the caller.
    """
    tokens = 4096
    few = Shape(max(1, min(shape.n_layers, 4096 // shape.width)), shape.width)
    layers = [torch.randn(tokens, few.width, device=device) for _ in range(few.n_layers)]
    place = Place(*(torch.ones(few.n_units, dtype=torch.float64, device=device) for _ in range(2)))
    units = UnitSums(place, width=few.width, operand=torch.float32)
    text = torch.arange(tokens, device=device)
    z = units.standardise(layers, text)
    cross = CrossMoments([Tile(0, 0, k, 0, few.n_layers) for k in range(few.n_layers)], [few], device)
    side = {0: torch.cat(z, 1)}
    sketch = CountSketch(few, starts=range(0, 4097, 4096 // GROUPS), device=device)
    slot = torch.randint(4096 // GROUPS, (2, tokens), device=device)
    sign = torch.ones(2, tokens, device=device)
    moments = Moments(place.shift, place.shift)
    stratum = torch.zeros(tokens, dtype=torch.uint8, device=device)
    i = torch.arange(few.n_units, device=device).repeat(8)
    candidates = Candidates((0, 0), [few], i, torch.randint(few.n_units, (len(i),), device=device))
    turned = side[0].T.contiguous()
    done = tokens * few.n_units
    scores = turned[:, : min(tokens, few.n_units)]

    def standardise() -> None:
        units.add(units.standardise(layers, text), 0)

    return Rates(
        forward=forward,
        product=_rate(lambda: cross.update(side), 2.0 * done * few.n_units, device),
        moments=_rate(lambda: moments.update(layers, layers, stratum), 2.0 * done, device),
        standardise=_rate(standardise, done, device),
        sketch=_rate(lambda: sketch.update(z, slot, sign, 0), done, device),
        turn=_rate(lambda: [torch.cat([values.T for values in z]).contiguous()], done, device),
        sampled=_rate(lambda: candidates.update(turned, turned, 0), float(tokens * len(candidates.i)), device),
        select=_rate(lambda: scores.topk(50, 1) and scores.topk(50, 1), scores.numel() / 2.0, device),
    )


def _rate(work: Callable[[], object], amount: float, device: str, least: float = 0.5) -> float:
    """Amount per second of repeated work."""
    work()
    _wait(device)
    started, times = time.perf_counter(), 0
    while time.perf_counter() - started < least or times < 2:
        work()
        _wait(device)
        times += 1
    return amount * times / (time.perf_counter() - started)


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def forward_rate(read: Callable[[], object], flops: float, device: str) -> float:
    """FLOPs per second of one model's forward passes, `flops` each."""
    return _rate(read, flops, device, least=1.0)
