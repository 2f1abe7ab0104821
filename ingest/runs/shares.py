"""A run's work in pieces that can be done apart or together, on any machine and in any order, and give the same bits.

A piece holds every sum it is about over the whole text, from the first part to the last: sums of floats depend on their
order, and so nothing is added up across pieces. What is kept per model (moments, profiles) is a piece for each model;
what is kept per pair is one for each pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ingest.runs.plan import Plan


@dataclass(frozen=True)
class Share:
    """What is computed together: one piece or several, which read the text once.

    Attributes:
        models: whose moments and profiles.
        pairs: of populations.
    """

    models: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]

    def populations(self, plan: Plan) -> set[int]:
        """Populations whose activations are correlated in it, random-weight twins too."""
        theirs = {population for pair in self.pairs for population in pair}
        return theirs | {plan.populations[p].twin for p in theirs if plan.populations[p].twin is not None}  # type: ignore[misc]

    def subjects(self, plan: Plan) -> set[int]:
        """Models that it reads."""
        return {*self.models, *(plan.populations[p].model for p in self.populations(plan))}


def whole(plan: Plan) -> Share:
    """All that is new in a run."""
    return Share(_measured(plan), plan.pairs)


def pieces_of(plan: Plan) -> list[Share]:
    """The pieces of what is new in a run: models, then pairs."""
    models = [Share((model,), ()) for model in _measured(plan)]
    return [*models, *(Share((), (pair,)) for pair in plan.pairs if max(pair) >= plan.inherited)]


def together(plan: Plan, numbers: Iterable[int]) -> Share:
    """The share of some pieces, by their numbers."""
    pieces = pieces_of(plan)
    chosen = [pieces[number] for number in sorted(numbers)]
    return Share(tuple(m for piece in chosen for m in piece.models), tuple(p for piece in chosen for p in piece.pairs))


def _measured(plan: Plan) -> tuple[int, ...]:
    return tuple(range(plan.inherited, len(plan.models))) if plan.moments else ()
