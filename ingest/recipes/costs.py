"""What a study costs: operations counted from shapes, and time from the rates of a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

from ingest.measure.correlation import Shape, Tile
from ingest.recipes.rates import CPU_THREAD, H200, Rates
from ingest.runs.plan import Method, MethodName
from ingest.runs.shares import Divisible, Share, pieces_of
from ingest.study import Measure


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
        profiled: activations per token that are profiled.
        profile_bytes: that all profiles hold.
        sketched_twice: units whose shifted sketch is kept as well.
        mixing: elements of the matrices that simulate seeds.
        floor_pairs: pairs with shifted partners and with twins.
    """

    forward_flops: float
    shapes: tuple[Shape, ...]
    pairs: tuple[tuple[int, int], ...]
    tiles: tuple[Tile, ...]
    n_tokens: int
    draws: int
    moments: int
    profiled: int
    profile_bytes: int
    sketched_twice: int
    mixing: int
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


def seconds(work: Work, method: Method | None, rates: Rates, *, n_passes: int = 1) -> dict[str, float]:
    """Predicted seconds by component; candidates are taken as two thirds of the most that may be.

    Args:
        work: shapes and tokens.
        method: how correlations are computed; None without.
        rates: of the machine.
        n_passes: times that the text is read.
    """
    tokens = work.n_tokens
    found = {
        "forward": n_passes * tokens * work.forward_flops / rates.forward,
        "moments": tokens * work.moments / rates.moments,
        "profiles": tokens * work.profiled / rates.profile,
        "simulation": n_passes * tokens * 2.0 * work.mixing / rates.product,
    }
    return found if method is None else found | _pair_seconds(work, method, rates, n_passes)


# What is computed from finished sums, of those components.
SELECTING = ("sketch products", "errors", "rotations", "selections")


def _pair_seconds(work: Work, method: Method, rates: Rates, n_passes: int) -> dict[str, float]:
    tokens, estimates = work.n_tokens, 1 if method.name == "exact" else 2
    directed = sum(work.shapes[p].n_units for pair in work.pairs for p in pair)
    found = {"standardise": n_passes * tokens * work.n_units / rates.standardise}
    if method.name == "exact":
        found["products"] = tokens * (work.products + work.within) / rates.product
    if method.buckets is not None:
        found["sketches"] = tokens * (work.n_units + work.sketched_twice) / rates.sketch
    if method.name == "refined":
        assert method.pilot_tokens is not None
        assert method.max_candidates is not None
        in_play = directed * method.max_candidates / 4
        found["candidates"] = tokens * (work.n_units / rates.turn + in_play / rates.sampled)
        pilot = min(tokens, method.pilot_tokens)
        found["pilot"] = pilot * (work.forward_flops / rates.forward + work.products / rates.product)
    if method.buckets is not None:
        floors = sum(2.0 * work.shapes[a].n_units * work.shapes[b].n_units for a, b in work.floor_pairs)
        mine = 0.0 if method.name == "exact" else work.products + work.within
        found["sketch products"] = 2.0 * method.buckets * (mine + floors) / rates.product
    if method.name == "sketch":
        assert method.buckets is not None
        found["errors"] = directed * 2.0 * method.buckets / rates.paired
    turned = sum(
        2.0 * width * (t.last - t.first) * work.shapes[t.b].width * work.shapes[t.a].width
        for t in work.tiles
        for width in (work.shapes[t.a].width, work.shapes[t.b].width)
    )
    found["rotations"] = estimates * work.draws * turned / rates.product
    found["selections"] = estimates * work.products / rates.select
    return found


@dataclass(frozen=True)
class Times:
    """Seconds that pieces take on a nominal machine, which add up in a share.

    Attributes:
        forward: of each model, in every share that runs it, each time the text is read.
        pieces: of each piece, whatever share it is in.
    """

    forward: tuple[float, ...]
    pieces: tuple[float, ...]

    def of(self, reads: set[int], pieces: Sequence[int], *, n_passes: int) -> float:
        """Seconds of a share.

        Args:
            reads: models that it runs.
            pieces: their numbers.
            n_passes: times that it reads the text.
        """
        return n_passes * sum(self.forward[m] for m in sorted(reads)) + sum(self.pieces[n] for n in sorted(pieces))


def times_of(
    run: Divisible, kinds: Sequence[object], work: Callable[[Share], Work], method: Method | None, rates: Rates
) -> Times:
    """What each piece of a run takes.

    Args:
        run: its pieces.
        kinds: of its models; pieces of models of the same kinds take as long.
        work: of a share.
        method: how correlations are computed; None without.
        rates: of the machine.
    """
    known: dict[object, dict[str, float]] = {}

    def taken(share: Share) -> dict[str, float]:
        shapes = [(run.populations[p].n_layers, run.populations[p].width) for pair in share.pairs for p in pair]
        kind = (*(kinds[model] for model in (*share.models, *sorted(share.subjects(run)))), *shapes)
        if kind not in known:
            known[kind] = seconds(work(share), method if share.pairs else None, rates)
        return known[kind]

    found = [taken(piece) for piece in pieces_of(run)]
    return Times(
        forward=tuple(taken(Share((model,), ()))["forward"] for model in range(len(run.models))),
        pieces=tuple(sum(each.values()) - each["forward"] for each in found),
    )


def nominal(device: str, threads: int) -> Rates:
    """Rates of a machine like this one, which do not depend on how busy it is."""
    return H200 if device.startswith("cuda") else CPU_THREAD.times(threads)


# Below this, the answer without an error of its own is worth the wait.
_PATIENCE_S = 900.0
_WORTH = 2.5


def choose_method(
    work: Work, measure: Measure, device: str, threads: int, passes_of: Callable[[Method], int | None]
) -> tuple[Method, str]:
    """The method of a study, and why.

    `auto` takes the most accurate method that fits in memory and is done soon, or is not much dearer than the cheapest:
    exact, then refined, then sketch.

    Args:
        work: shapes and tokens.
        measure: what the study asks for.
        device: torch device.
        threads: CPU threads.
        passes_of: passes over the text that a method takes in the memory there is; None where it does not fit.
    """
    if measure.correlation != "auto":
        return method_of(measure, measure.correlation), "the study asks for it"
    rates = nominal(device, threads)
    methods = {name: method_of(measure, name) for name in ("exact", "refined", "sketch")}
    passes = {name: passes_of(m) for name, m in methods.items()}
    total = {
        name: sum(seconds(work, methods[name], rates, n_passes=n).values())
        for name, n in passes.items()
        if n is not None
    }
    if not total:
        return methods["exact"], "auto: none fits in memory"
    limit = max(_PATIENCE_S, _WORTH * min(total.values()))
    chosen = next(name for name, t in total.items() if t <= limit)
    figures = [f"{name} {total[name]:,.0f} s" if name in total else f"{name} does not fit" for name in methods]
    return methods[chosen], f"auto: {', '.join(figures)} on a nominal machine like this one"
