"""What a study costs: operations counted from shapes, and time from the rates of a machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from ingest.measure.correlation import Shape
from ingest.recipes.subjects import Subject
from ingest.runs.plan import Method, MethodName
from ingest.study import Measure


@dataclass(frozen=True)
class Rates:
    """How fast a machine is.

    Attributes:
        forward: FLOPs per second of the models' forward passes.
        product: FLOPs per second of large matrix products of standardised activations.
        element: elements per second that are read, changed and written in memory.
        sampled: multiply-adds per second of single products of units.
    """

    forward: float
    product: float
    element: float
    sampled: float


# Orders of magnitude, enough to choose a method by: the choice must not depend on how busy a machine is.
NOMINAL = {
    "cpu": Rates(forward=4e10, product=9e10, element=4e8, sampled=4e9),  # per thread
    "cuda": Rates(forward=2e14, product=5e14, element=2e11, sampled=2e11),
}


@dataclass(frozen=True)
class Work:
    """Shapes of a study.

    Attributes:
        forward_flops: of all models' forward passes, per token.
        units: units of each population, twins too.
        widths: units per layer of each population.
        layers: layers of each population.
        pairs: of populations.
        twins: pairs with twins.
        n_tokens: positions of the corpus.
        draws: rotations per layer.
        moments: elements per token that moments are taken of.
        is_shifted: whether the shift floor is measured.
    """

    forward_flops: float
    units: tuple[int, ...]
    widths: tuple[int, ...]
    layers: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    n_tokens: int
    draws: int
    moments: int
    is_shifted: bool

    @classmethod
    def of_subjects(
        cls,
        subjects: Sequence[Subject],
        shapes: Sequence[Shape],
        pairs: Sequence[tuple[int, int]],
        measure: Measure,
        *,
        n_tokens: int,
        context: int,
    ) -> Work:
        """The work of a study whose models are loaded."""
        return cls(
            forward_flops=sum(s.forward_flops(context) for s in subjects),
            units=tuple(s.n_units for s in shapes),
            widths=tuple(s.width for s in shapes),
            layers=tuple(s.n_layers for s in shapes),
            pairs=tuple(pairs),
            n_tokens=n_tokens,
            draws=measure.baseline.draws,
            moments=sum(2 * s.sites.n_neurons for s in subjects) if measure.moments else 0,
            is_shifted="shift" in measure.floors,
        )


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


def seconds(work: Work, method: Method, rates: Rates) -> dict[str, float]:
    """Predicted seconds by component.

    Args:
        work: shapes and tokens.
        method: how correlations are computed.
        rates: of the machine.
    """
    tokens = work.n_tokens
    units, widths = work.units, work.widths
    products = sum(2.0 * units[a] * units[b] for a, b in work.pairs)
    within = sum(2.0 * n * width for n, width in zip(units, widths, strict=True))
    found = {
        "forward": tokens * work.forward_flops / rates.forward,
        "moments": tokens * 12.0 * work.moments / rates.element,
        "standardise": tokens * 5.0 * sum(units) / rates.element,
    }
    estimates = 1
    if method.name == "exact":
        found["products"] = tokens * (products + within) / rates.product
    else:
        estimates = 2
    if method.buckets is not None:
        found["sketch"] = tokens * 4.0 * sum(units) / rates.element
    if method.name == "refined":
        assert method.pilot_tokens is not None
        assert method.max_candidates is not None
        pairs_in_play = sum(units[a] + units[b] for a, b in work.pairs) * method.max_candidates / 2
        found["candidates"] = tokens * (pairs_in_play / rates.sampled + sum(units) / rates.element)
        pilot = min(tokens, method.pilot_tokens)
        found["pilot"] = pilot * (work.forward_flops / rates.forward + products / rates.product)
    if method.name != "exact":
        assert method.buckets is not None
        found["sketch products"] = 2.0 * method.buckets * (products + within) / rates.product
    rotations = sum(2.0 * units[a] * units[b] * (widths[a] + widths[b]) * estimates * work.draws for a, b in work.pairs)
    found["rotations"] = rotations / rates.product
    found["selections"] = sum(40.0 * units[a] * units[b] * estimates for a, b in work.pairs) / rates.element
    return found


# Below this, the answer without an error of its own is worth the wait.
_PATIENCE_S = 900.0
_WORTH = 2.0


def choose_method(work: Work, measure: Measure, device: str, threads: int) -> tuple[Method, str]:
    """The method of a study, and why.

    `auto` takes the most accurate method that is not much dearer than the cheapest: exact, then refined, then sketch.
    """
    if measure.correlation != "auto":
        return method_of(measure, measure.correlation), "the study asks for it"
    base = NOMINAL["cuda" if device.startswith("cuda") else "cpu"]
    rates = base if device.startswith("cuda") else Rates(*(threads * r for r in vars(base).values()))
    total = {
        name: sum(seconds(work, method_of(measure, name), rates).values()) for name in ("exact", "refined", "sketch")
    }
    cheapest = min(total.values())
    chosen = next(name for name, t in total.items() if t <= max(_PATIENCE_S, _WORTH * cheapest))
    figures = ", ".join(f"{name} {t:,.0f} s" for name, t in total.items())
    return method_of(measure, chosen), f"auto: {figures} on a nominal machine like this one"
