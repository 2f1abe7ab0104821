"""Everything that a pass over the text adds up for correlations, from the same standardised activations."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ingest.measure.candidates import Candidates
from ingest.measure.correlation import CrossMoments, Shape, Tile
from ingest.measure.followed import CHOOSING, Followed
from ingest.measure.units import UnitSums
from ingest.recipes.choosing import most_correlated
from ingest.recipes.standing import Standing
from ingest.runs.plan import Plan
from ingest.runs.state import State

_TRANSPOSED_AT_ONCE = 256


@dataclass(frozen=True)
class Hashed:
    """Buckets and signs of a batch's positions, (sketches, tokens) each, and by how much the shift floor moves them."""

    slot: Tensor
    sign: Tensor
    shift: int


class Accumulators:
    """The sums of one pass; what a method does not need is absent.

    Attributes:
        units: per population, sums of z.
        cross: exact sums of the pass's tiles.
        standing: what is taken once, in the first pass.
        halved: copies of the exact sums over the first half of the documents, where halves are measured.
        followed: likely winners per ordered pair of an exact run.
        candidates: per pair of a refined run.
    """

    def __init__(
        self,
        plan: Plan,
        shapes: list[Shape],
        units: list[UnitSums],
        tiles: Sequence[Tile],
        standing: Standing | None,
    ) -> None:
        """Start at zero.

        Args:
            plan: of the run.
            shapes: of all populations.
            units: their sums, which go on through all passes.
            tiles: exact ones of this pass.
            standing: what the first pass took; None in that pass.
        """
        assert plan.method is not None
        self._plan = plan
        self._shapes = shapes
        self.units = units
        self.is_first = standing is None
        device = plan.device
        self.standing = standing if standing is not None else Standing.empty(plan, shapes)
        self.cross = CrossMoments(tiles, shapes, device) if tiles else None
        pairs = sorted({(t.a, t.b) for t in tiles})
        self.followed = [Followed(*side, shapes, device) for a, b in pairs for side in ((a, b), (b, a))]
        self.halved: list[Tensor] = []
        if self.cross is not None and plan.halves:
            self.halved = [torch.zeros_like(sums) for sums in self._exact()]
        self.candidates: list[Candidates] = []

    @property
    def is_sketching(self) -> bool:
        """Whether positions of this pass go into sketches."""
        return self.is_first and bool(self.standing.sketches)

    @property
    def wants(self) -> set[int]:
        """Populations whose activations this pass needs."""
        if not self.is_first:
            return self.cross.populations if self.cross is not None else set()
        new = {p for p in range(self._plan.inherited, len(self._shapes)) if self._shapes[p].n_layers}
        in_products = self.cross is not None or self.candidates or self.standing.probe is not None
        return new | {p for pair in self._plan.pairs if self._is_new(pair) and in_products for p in pair}

    def _is_new(self, populations: Iterable[int]) -> bool:
        """Whether something of these populations is not taken over from the parent run."""
        return any(p >= self._plan.inherited for p in populations)

    def update(self, z: dict[int, list[Tensor]], hashed: Hashed | None, group: int) -> None:
        """Add the positions of one batch, all of one group of documents.

        Args:
            z: per population that is wanted, of each layer (tokens, width).
            hashed: buckets and signs of the positions, where there are sketches.
            group: of documents.
        """
        within = self.standing.within
        for index, layers in z.items():
            if not self._is_new([index]):
                continue
            if self.is_first:
                self.units[index].add(layers, group)
            if self.is_first and within is not None and index < len(within.sums):
                within.update(index, layers)
            if hashed is not None:
                self.standing.sketches[index].update(layers, hashed.slot, hashed.sign, group)
                if index < len(self.standing.shifted):
                    # A position's values in another one's bucket: the partner moved along the text.
                    moved = hashed.slot.roll(hashed.shift, 1), hashed.sign.roll(hashed.shift, 1)
                    self.standing.shifted[index].update(layers, *moved, group)
        if self.cross is not None:
            values = {index: torch.cat(layers, 1) for index, layers in z.items()}
            self.cross.update(values, first_new=self._plan.inherited)
        if self.is_first and self.standing.probe is not None:
            self.standing.probe.update(z, group, first_new=self._plan.inherited)
        if self.is_first:
            for (a, b), counterparts in zip(self._plan.pairs, self.standing.counterparts, strict=False):
                counterparts.add(z[a], z[b], group)
        if self.candidates:
            new = [c for c in self.candidates if self._is_new(c.pair)]
            turned = {index: _transposed(z[index]) for index in {p for c in new for p in c.pair}}
            for candidates in new:
                a, b = candidates.pair
                candidates.update(turned[a], turned[b], group)

    def end_part(self, group: int, *, is_first_round: bool) -> None:
        """Book the part's sums, and choose whom to follow from here on."""
        if self.cross is None:
            return
        new = [f for f in self.followed if self._is_new((f.a, f.b))]
        for followed in new:
            followed.end_group(group, self.cross)
        if is_first_round and (group in CHOOSING or any(f.is_empty for f in new)):
            spreads = [units.finish(slice(0, group + 1)) for units in self.units]
            tops = most_correlated(self.cross, new, spreads)
            for followed, top in zip(new, tops, strict=True):
                followed.choose(group, top, self.cross)

    def _exact(self) -> list[Tensor]:
        assert self.cross is not None
        assert self.standing.within is not None
        return [*self.cross.sums.values(), *self.standing.within.sums]

    def keep_half(self) -> None:
        """Remember the exact sums of the first half of the documents."""
        for half, sums in zip(self.halved, self._exact() if self.halved else [], strict=True):
            half.copy_(sums)

    def leave_second_half(self) -> None:
        """Take the first half off the exact sums."""
        for half, sums in zip(self.halved, self._exact() if self.halved else [], strict=True):
            sums.sub_(half)

    def _named(self) -> dict[str, dict[str, Tensor]]:
        named: dict[str, dict[str, Tensor]] = {}
        if self.cross is not None:
            named["cross"] = self.cross.tensors()
        if self.standing.within is not None:
            named["within"] = self.standing.within.tensors()
        if self.halved:
            named["half"] = {str(index): half for index, half in enumerate(self.halved)}
        if self.standing.probe is not None:
            named["probe"] = self.standing.probe.tensors()
        for (a, b), counterparts in zip(self._plan.pairs, self.standing.counterparts, strict=False):
            named[f"counterparts.{a}.{b}"] = {"products": counterparts.products}
        named |= {f"followed.{f.a}.{f.b}": f.tensors() for f in self.followed}
        named |= {f"candidates.{c.pair[0]}.{c.pair[1]}": c.tensors() for c in self.candidates}
        for kind, sketches in (("sketch", self.standing.sketches), ("shifted", self.standing.shifted)):
            named |= {f"{kind}.{index}": sketch.tensors() for index, sketch in enumerate(sketches)}
        return named

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        return {f"{prefix}.{name}": t for prefix, tensors in self._named().items() for name, t in tensors.items()}

    @property
    def n_candidates(self) -> tuple[int, int]:
        """Pairs of units with exact sums of a refined run, and units that have some, counted in every direction."""
        directed = sum(self._shapes[p].n_units for c in self.candidates for p in c.pair)
        return 2 * sum(len(c.i) for c in self.candidates), directed

    def load(self, state: State, *, is_partial: bool) -> None:
        """Take everything from a state: of this very run, or what a partial one has, as of a parent run."""
        names = set(state.names())
        pairs = self._plan.pairs if self._plan.method is not None and self._plan.method.name == "refined" else ()
        for pair in pairs:
            prefix = f"candidates.{pair[0]}.{pair[1]}"
            if f"{prefix}.i" in names:
                i, j = (state.tensor(f"{prefix}.{key}").to(self._plan.device) for key in "ij")
                self.candidates.append(Candidates(pair, self._shapes, i, j))
        for name, tensor in self.tensors().items():
            if name in names or not is_partial:
                tensor.copy_(state.tensor(name))


def _transposed(layers: list[Tensor]) -> Tensor:
    """z as (units, tokens), contiguous; in blocks, because a transposition is three times slower outside the cache."""
    tokens = len(layers[0])
    result = layers[0].new_empty(sum(values.shape[1] for values in layers), tokens, dtype=torch.float32)
    first = 0
    for values in layers:
        for start in range(0, tokens, _TRANSPOSED_AT_ONCE):
            block = slice(start, start + _TRANSPOSED_AT_ONCE)
            result[first : first + values.shape[1], block] = values[block].T
        first += values.shape[1]
    return result
