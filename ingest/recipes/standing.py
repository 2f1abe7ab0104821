"""Sums that are taken once, in the first pass over the text, whatever the number of passes."""

from __future__ import annotations

from dataclasses import dataclass

from ingest.measure.correlation import LayerMoments, Shape
from ingest.measure.simulation import CounterpartSums
from ingest.measure.sketch import CountSketch
from ingest.recipes.probes import ProbeBlock
from ingest.runs.plan import Plan


@dataclass(frozen=True)
class Standing:
    """What the first pass takes for all passes.

    Attributes:
        within: exact sums within layers, of an exact run.
        sketches: per population.
        shifted: per population, sketches of the positions moved along the text.
        probe: exact sums for a block of units, against which sketches are judged.
        counterparts: per model, sums of products with its simulated seed; none without.
    """

    within: LayerMoments | None
    sketches: list[CountSketch]
    shifted: list[CountSketch]
    probe: ProbeBlock | None
    counterparts: list[CounterpartSums]

    @classmethod
    def empty(cls, plan: Plan, shapes: list[Shape]) -> Standing:
        """Everything at zero."""
        assert plan.method is not None
        ours = [shapes[p] for p, population in enumerate(plan.populations) if not population.is_twin]
        is_exact = plan.method.name == "exact"

        def sketches(of: list[Shape]) -> list[CountSketch]:
            return [CountSketch(shape, starts=plan.bucket_starts, device=plan.device) for shape in of]

        return cls(
            within=LayerMoments(ours, plan.device) if is_exact else None,
            sketches=sketches(shapes) if plan.bucket_starts else [],
            shifted=sketches(ours) if plan.bucket_starts and "shift" in plan.floors else [],
            probe=None if is_exact else ProbeBlock(plan.pairs, shapes, plan.device),
            counterparts=[CounterpartSums(shapes[a], plan.device) for a, _ in plan.pairs] if plan.simulation else [],
        )
