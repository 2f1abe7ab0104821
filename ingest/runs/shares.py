"""A run's work in pieces that can be done apart or together, on any machine and in any order, and give the same bits.

A piece holds every sum it is about over the whole text, from the first part to the last: sums of floats depend on their
order, and so nothing is added up across pieces. What is kept per model (moments, profiles) is a piece for each model;
what is kept per pair is one for each pair. Sums that are kept per group of documents (moments, sketches, candidates)
can be taken in token shards, some groups in each: they are put beside each other then, not added.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ingest.runs.plan import PlannedPopulation


class Divisible(Protocol):
    """A run as far as it decides what its pieces are; attributes as those of a Plan, which is one."""

    @property
    def models(self) -> Sequence[object]:
        """In the order of the study."""

    @property
    def populations(self) -> Sequence[PlannedPopulation]:
        """What is correlated, twins last."""

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Of populations."""

    @property
    def moments(self) -> bool:
        """Whether models are measured."""

    @property
    def inherited(self) -> int:
        """Models at the front that an earlier run has."""


@dataclass(frozen=True)
class Extent:
    """The same of a run whose plan is not made yet."""

    models: Sequence[object]
    populations: Sequence[PlannedPopulation]
    pairs: tuple[tuple[int, int], ...]
    moments: bool
    inherited: int = 0


@dataclass(frozen=True)
class Share:
    """What is computed together: one piece or several, which read the text once.

    Attributes:
        models: whose moments and profiles.
        pairs: of populations.
    """

    models: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]

    def populations(self, run: Divisible) -> set[int]:
        """Populations whose activations are correlated in it, random-weight twins too."""
        theirs = {population for pair in self.pairs for population in pair}
        twins = (run.populations[p].twin for p in theirs)
        return theirs | {twin for twin in twins if twin is not None}

    def subjects(self, run: Divisible) -> set[int]:
        """Models that it reads."""
        return {*self.models, *(run.populations[p].model for p in self.populations(run))}


@dataclass(frozen=True)
class Block:
    """Shares that read the same models.

    Attributes:
        shares: numbers of the pieces of each.
        shards: groups of documents whose sums a worker takes for all of these shares at once, each group in one; none
            where every share reads the text itself.
    """

    shares: tuple[tuple[int, ...], ...]
    shards: tuple[range, ...] = ()

    @property
    def pieces(self) -> tuple[int, ...]:
        """Numbers of the pieces of all shares."""
        return tuple(sorted(number for share in self.shares for number in share))


def whole(run: Divisible) -> Share:
    """All that is new in a run."""
    return Share(_measured(run), run.pairs)


def pieces_of(run: Divisible) -> list[Share]:
    """The pieces of what is new in a run: models, then pairs."""
    models = [Share((model,), ()) for model in _measured(run)]
    return [*models, *(Share((), (pair,)) for pair in run.pairs if max(pair) >= run.inherited)]


def together(run: Divisible, numbers: Iterable[int]) -> Share:
    """The share of some pieces, by their numbers."""
    pieces = pieces_of(run)
    chosen = [pieces[number] for number in sorted(numbers)]
    return Share(tuple(m for piece in chosen for m in piece.models), tuple(p for piece in chosen for p in piece.pairs))


def _measured(run: Divisible) -> tuple[int, ...]:
    return tuple(range(run.inherited, len(run.models))) if run.moments else ()
