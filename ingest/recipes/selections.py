"""From the sums of a finished pass to rows: partners, best ones with their errors, baselines, floors."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ingest.measure.baseline import Covariances, Rotations
from ingest.measure.correlation import ExactCovariances, Shape, Tile, depth_tiles
from ingest.measure.jackknife import GroupSums, influences
from ingest.measure.selection import Directed, PairSelection
from ingest.measure.sketch import CountSketch, SketchedCovariances
from ingest.measure.units import Standardised, UnitSums
from ingest.names import GROUPS
from ingest.recipes.accumulators import Accumulators
from ingest.recipes.rows import Direction, baseline_rows, best_rows, partial_rows, partner_rows, with_exact
from ingest.runs.plan import Plan
from ingest.runs.state import State
from ingest.tables import PROBES, TOP_PARTNERS

Frames = Iterator[tuple[str, pl.DataFrame]]


@dataclass
class _Errors:
    """Jackknife influences of the best correlations of one direction: (units, groups), and blocks (units,)."""

    influence: Tensor
    blocks: Tensor


class Selections:
    """Selections of all pairs of a run, growing pass by pass."""

    def __init__(self, plan: Plan, shapes: list[Shape], units: list[UnitSums]) -> None:
        """Start with none.

        Args:
            plan: of the run.
            shapes: of all populations.
            units: their sums, finished when `take` is called.
        """
        assert plan.method is not None
        self._plan = plan
        self._shapes = shapes
        self._units = units
        self._method = plan.method
        self._names = pl.Enum([m.name for m in plan.models])
        estimates = 1 if plan.method.name == "exact" else 2
        self._pairs = {
            pair: self._empty(pair, TOP_PARTNERS, estimates, plan.draws)
            for pair in plan.pairs
            if max(pair) >= plan.inherited
        }
        self._errors: dict[tuple[int, int], _Errors] = {}
        self._is_taken = False
        for a, b in self._pairs:
            for direction in ((a, b), (b, a)):
                n = shapes[direction[0]].n_units
                nothing = torch.full((n, GROUPS), torch.nan, dtype=torch.float64, device=plan.device)
                blocks = torch.zeros(n, dtype=torch.int64, device=plan.device)
                self._errors[direction] = _Errors(nothing, blocks)

    def _empty(self, pair: tuple[int, int], k: int, n_estimates: int, draws: int) -> PairSelection:
        return PairSelection(pair, self._shapes, k=k, n_estimates=n_estimates, draws=draws, device=self._plan.device)

    def _tiles(self, pairs: tuple[tuple[int, int], ...]) -> list[Tile]:
        return [tile for pair in pairs for tile in depth_tiles(pair, self._shapes, self._plan.depth_window)]

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file between two passes."""
        if not self._is_taken:
            return {}
        named = {f"{a}.{b}.{name}": t for (a, b), pair in self._pairs.items() for name, t in pair.tensors().items()}
        for (a, b), errors in self._errors.items():
            named |= {f"{a}.{b}.influence": errors.influence, f"{a}.{b}.blocks": errors.blocks}
        return named

    def load(self, state: State) -> None:
        """Take everything from a state file, if a pass was finished before it."""
        names = set(state.names())
        self._is_taken = any(name.startswith("selections.") for name in names)
        for name, tensor in self.tensors().items():
            tensor.copy_(state.tensor(f"selections.{name}"))

    def forward(self, pair: tuple[int, int]) -> Directed:
        """What is selected for the units of the first population of a pair."""
        return self._pairs[pair].forward

    def n_tiles(self, sums: Accumulators) -> int:
        """How often `take` advances."""
        tiles = sums.cross.sums if sums.cross is not None else self._tiles(self._plan.pairs)
        return sum((tile.a, tile.b) in self._pairs for tile in tiles)

    def take(self, sums: Accumulators, advance: Callable[[], object]) -> None:
        """Select from the sums of a finished pass.

        Args:
            sums: of the pass.
            advance: called after each tile.
        """
        self._is_taken = True
        spreads = [units.finish() for units in self._units]
        source = self.covariances(sums, spreads)
        rotations = Rotations(source, spreads, self._shapes, draws=self._plan.draws, seed=self._plan.baseline_seed)
        for selection in self._pairs.values():
            before = {(a, b): d.winner.clone() for a, b, d in selection.directions()}
            selection.take(source, spreads, rotations, advance)
            for a, b, directed in selection.directions():
                self._refine(sums, a, b, directed, spreads)
                self._judge(sums, source, (a, b), directed, spreads, before[a, b])

    def covariances(self, sums: Accumulators, spreads: list[Standardised]) -> Covariances:
        """Covariances of the units, as the method has them."""
        if self._method.name == "exact":
            assert sums.cross is not None
            assert sums.standing.within is not None
            return ExactCovariances(sums.cross, sums.standing.within, spreads)
        return SketchedCovariances(sums.standing.sketches, spreads, self._tiles(self._plan.pairs))

    def _refine(self, sums: Accumulators, a: int, b: int, directed: Directed, spreads: list[Standardised]) -> None:
        """Put the candidates' exact correlations in the place of sketched ones."""
        for candidates in sums.candidates:
            if candidates.pair in ((a, b), (b, a)):
                first, second = candidates.pair
                i, j = (candidates.i, candidates.j) if first == a else (candidates.j, candidates.i)
                corr = candidates.correlations(spreads[first], spreads[second])
                kept = ~(spreads[a].is_dead[i] | spreads[b].is_dead[j])
                best = torch.full((len(directed.top.index),), -torch.inf, dtype=torch.float64, device=i.device)
                best.scatter_reduce_(0, i[kept], corr[kept], "amax")
                with_exact(directed.top, i[kept], j[kept], corr[kept], self._shapes[b].n_units)
                # An exact winner leads, even where noise lifts a partner that was only sketched above it.
                is_best = corr[kept] >= best[i[kept]]
                units, winners = i[kept][is_best], j[kept][is_best]
                directed.lead(units, winners, best[units].float())

    def _judge(
        self,
        sums: Accumulators,
        source: Covariances,
        direction: tuple[int, int],
        directed: Directed,
        spreads: list[Standardised],
        before: Tensor,
    ) -> None:
        """Standard errors of the best correlations, with the winner held fixed."""
        a, b = direction
        winner = directed.winner
        errors = self._errors[direction]
        if self._method.name == "exact":
            for followed in sums.followed:
                if (followed.a, followed.b) == direction:
                    found, blocks = followed.influences(
                        winner, self._units[a], self._units[b], (spreads[a], spreads[b])
                    )
                    # A winner of an earlier pass has its error from there.
                    is_new = torch.isfinite(found).all(1) | (winner != before)
                    errors.influence[is_new], errors.blocks[is_new] = found[is_new], blocks[is_new]
            return
        own = torch.arange(len(winner), device=winner.device)
        alive = (~spreads[a].is_dead & ~spreads[b].is_dead[winner]).nonzero().squeeze(1)
        own, winner = own[alive], winner[alive]
        xy = self._exact_group_sums(sums, direction, own, winner)
        if xy is None:
            assert isinstance(source, SketchedCovariances)
            xy = source.group_sums((a, b), own, winner)
        group_sums = GroupSums(
            self._units[a].n,
            *_about_mean(self._units[a], self._units[b], spreads[a], spreads[b], own, winner),
            xy,
        )
        errors.influence[alive], count = influences(group_sums)
        errors.blocks[alive] = count

    def _exact_group_sums(
        self, sums: Accumulators, direction: tuple[int, int], own: Tensor, winner: Tensor
    ) -> Tensor | None:
        """Sums of products about the means per group for candidates; None where there are none."""
        for candidates in sums.candidates:
            if set(candidates.pair) == set(direction):
                i, j = (own, winner) if candidates.pair == direction else (winner, own)
                return candidates.about_means(self._units[candidates.pair[0]], self._units[candidates.pair[1]], i, j)
        return None

    def frames(self, sums: Accumulators) -> Frames:
        """Rows of all tables without the run, when the last pass is taken."""
        spreads = [units.finish() for units in self._units]
        for selection in self._pairs.values():
            for a, b, directed in selection.directions():
                direction, alive = self._direction(a, b), (~spreads[a].is_dead).nonzero().squeeze(1)
                alive = alive[directed.top.values[alive, 0] > -torch.inf]
                yield from partner_rows(direction, directed, alive)
                errors = self._errors[a, b]
                yield best_rows(direction, directed, alive, errors.influence, errors.blocks)
                for draw, best in enumerate(directed.baselines):
                    yield baseline_rows(direction, "rotation", draw, best.value, alive)
                if "noise" in self._plan.floors:
                    yield baseline_rows(direction, "noise", 0, self._noise(a, b, spreads[a].n), alive)
        if sums.standing.sketches and self._plan.floors:
            yield from self._sketched_floors(sums, spreads)
        if sums.standing.probe is not None:
            sketched = SketchedCovariances(sums.standing.sketches, spreads, [])
            names = [self._plan.models[p.model].name for p in self._plan.populations]
            yield (
                PROBES.name,
                sums.standing.probe.rows(names, [p.site for p in self._plan.populations], spreads, sketched),
            )

    def _direction(self, a: int, b: int) -> Direction:
        first, second = self._plan.populations[a], self._plan.populations[b]
        names = [self._plan.models[p.model].name for p in (first, second)]
        return Direction(first.site, names[0], names[1], self._shapes[a], self._shapes[b], self._names)

    def _noise(self, a: int, b: int, n: int) -> Tensor:
        """Largest correlation of each unit of a with as many Gaussian noises as it has partners in b, over n positions.

        A correlation with white noise is normal with variance 1 / n whatever the unit does, and the largest of N such
        has the distribution function Phi^N: it is drawn from that directly.
        """
        random = np.random.default_rng([self._plan.baseline_seed, a, b])
        uniform = torch.from_numpy(random.random(self._shapes[a].n_units))
        tiles = depth_tiles((a, b), self._shapes, self._plan.depth_window)
        compared = torch.ones(self._shapes[a].n_units, dtype=torch.float64)
        for tile in tiles:
            compared[self._shapes[a].layer(tile.layer)] = (tile.last - tile.first) * self._shapes[b].width
        largest: Tensor = torch.special.ndtri(uniform ** (1 / compared))
        return (largest / math.sqrt(n)).to(self._plan.device)

    def _sketched_floors(self, sums: Accumulators, spreads: list[Standardised]) -> Frames:
        """Largest correlations with partners moved along the text, and with random-weight twins."""
        n_ours = len(sums.standing.shifted)
        n_all = len(sums.standing.sketches)
        sketches: list[CountSketch] = [*sums.standing.sketches, *sums.standing.shifted]
        shapes = [s.shape for s in sketches]
        spreads = [*spreads, *spreads[:n_ours]]
        asked = [("shift", a, n_all + b) for a, b in self._pairs if n_ours]
        asked += [("twin", a, twin) for a, twin in self._plan.twins]
        for kind, a, stand_in in asked:
            pair = (a, stand_in)
            source = SketchedCovariances(sketches, spreads, depth_tiles(pair, shapes, self._plan.depth_window))
            selection = PairSelection(pair, shapes, k=0, n_estimates=2, draws=0, device=self._plan.device)
            selection.take(source, spreads, None)
            for one, other in ((a, stand_in - n_all), (stand_in - n_all, a)) if kind == "shift" else ():
                directed = selection.forward if one == a else selection.backward
                yield self._floor(kind, one, other, directed, spreads)
            if kind == "twin":
                for x, y in self._pairs:
                    partner = y if x == a else x
                    if a in (x, y) and self._plan.populations[partner].twin == stand_in:
                        yield self._floor(kind, a, partner, selection.forward, spreads)

    def _floor(
        self, kind: str, a: int, b: int, directed: Directed, spreads: list[Standardised]
    ) -> tuple[str, pl.DataFrame]:
        alive = (~spreads[a].is_dead).nonzero().squeeze(1)
        alive = alive[directed.largest[alive] > -torch.inf]
        return baseline_rows(self._direction(a, b), kind, 0, directed.best.value, alive)

    def partial(self, sums: Accumulators, groups: slice, draws: int) -> Frames:
        """Best correlations and baselines over the groups [start, stop) of documents.

        Args:
            sums: exact ones must be over just these groups.
            groups: of documents.
            draws: rotations per layer.
        """
        spreads = [units.finish(groups) for units in self._units]
        source: Covariances
        if self._method.name == "exact":
            assert sums.cross is not None
            assert sums.standing.within is not None
            source, estimates = ExactCovariances(sums.cross, sums.standing.within, spreads), 1
        else:
            source = SketchedCovariances(sums.standing.sketches, spreads, self._tiles(self._plan.pairs), groups)
            estimates = 2
        rotations = Rotations(source, spreads, self._shapes, draws=draws, seed=self._plan.baseline_seed)
        for pair in self._pairs:
            selection = self._empty(pair, 0, estimates, draws)
            selection.take(source, spreads, rotations)
            for a, b, directed in selection.directions():
                alive = (~spreads[a].is_dead).nonzero().squeeze(1)
                alive = alive[directed.largest[alive] > -torch.inf]
                yield partial_rows(self._direction(a, b), directed, alive, groups, spreads[a].n)


def _about_mean(
    a: UnitSums, b: UnitSums, spread_a: Standardised, spread_b: Standardised, i: Tensor, j: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sums and sums of squares per group about the means over all groups: x, y, xx, yy, each (groups, pairs)."""
    found = []
    for units, spread, chosen in ((a, spread_a, i), (b, spread_b, j)):
        n = units.n[:, None].double().to(units.total.device)
        mean = spread.mean[chosen][None, :]
        total, squares = units.total[:, chosen], units.squares[:, chosen]
        found.append((total - n * mean, squares - 2 * mean * total + n * mean**2))
    (x, xx), (y, yy) = found
    return x, y, xx, yy
