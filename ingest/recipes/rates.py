"""How fast a machine is at each kind of work: nominal rates, and measured ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from ingest.measure.candidates import Candidates
from ingest.measure.classes import Scheme
from ingest.measure.correlation import CrossMoments, Shape, Tile
from ingest.measure.moments import Moments
from ingest.measure.profile import Classified, Profile
from ingest.measure.sketch import CountSketch, SketchedCovariances
from ingest.measure.units import Place, UnitSums
from ingest.names import GROUPS


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
        paired: products of two sketched units per second, one bucket each.
        select: correlations per second that are ranked.
        profile: activations per second that are profiled.
    """

    forward: float
    product: float
    moments: float
    standardise: float
    sketch: float
    turn: float
    sampled: float
    paired: float
    select: float
    profile: float

    def times(self, factor: float) -> Rates:
        """Of that many equal machines."""
        return Rates(*(factor * rate for rate in vars(self).values()))


# Orders of magnitude, enough to choose a method by: the choice must not depend on how busy a machine is. A CPU's are
# per thread; an H200's assume float32 forward passes at 60% of its 67 TFLOP/s, half-precision ones at 40% and products
# at 65% of its 989 TFLOP/s, and 4.8 TB/s of memory traffic. None of them was measured on an H200.
CPU_THREAD = Rates(4e10, 9e10, 2e8, 3e8, 3e8, 5e8, 4e9, 1e8, 5e7, 4e7)
H200_HALF_FORWARD = 4e14
H200 = Rates(4e13, 6.4e14, 3e10, 2e11, 1e11, 2e11, 2e11, 1e11, 2e10, 2e10)


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
    buckets = 4096
    sketch = CountSketch(few, starts=range(0, buckets + 1, buckets // GROUPS), device=device)
    slot = torch.randint(buckets // GROUPS, (2, tokens), device=device)
    sign = torch.ones(2, tokens, device=device)
    sketched = SketchedCovariances([sketch], [units.finish()], [])
    own = torch.arange(few.n_units, device=device)
    moments = Moments(place.shift, place.shift)
    stratum = torch.zeros(tokens, dtype=torch.uint8, device=device)
    i = torch.arange(few.n_units, device=device).repeat(8)
    candidates = Candidates((0, 0), [few], i, torch.randint(few.n_units, (len(i),), device=device))
    turned = side[0].T.contiguous()
    profile, classified = typical_profile(few, tokens, device)
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
        paired=_rate(lambda: sketched.group_sums((0, 0), own, own), 2.0 * buckets * few.n_units, device),
        select=_rate(lambda: scores.topk(50, 1) and scores.topk(50, 1), scores.numel() / 2.0, device),
        profile=_rate(lambda: profile.update(layers, layers, classified), done, device),
    )


def typical_profile(shape: Shape, tokens: int, device: str, context: int = 128) -> tuple[Profile, Classified]:
    """A profile with sums by token at three lags and by place, and a batch for it."""
    rows, zero = tokens // context, torch.zeros(shape.n_units, dtype=torch.float64, device=device)
    schemes = {("token", lag): Scheme(np.eye(2048, 300, dtype=bool), 2048 if lag >= 0 else 0) for lag in (-1, 0, 1)}
    schemes[("position", 0)] = Scheme(np.zeros((context, 0), bool), context)
    # In running text a fifth of the positions are of a class not seen in the batch before.
    classes = {lagged: s.present(np.arange(tokens) // 5 % len(s.holds), device) for lagged, s in schemes.items()}
    return (
        Profile(
            schemes,
            post_shift=zero,
            pre_shift=zero,
            pre_scale=zero + 1,
            n_layers=shape.n_layers,
            context=context,
            first_place=1,
        ),
        Classified(
            torch.arange(rows, device=device), torch.zeros(rows, dtype=torch.bool, device=device), classes, group=0
        ),
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
