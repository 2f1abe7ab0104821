"""The pilot of a refined run: which pairs of units get exact sums."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ingest.measure.candidates import Candidates, in_play
from ingest.measure.correlation import CrossMoments
from ingest.measure.extremes import RunningTop
from ingest.measure.units import UnitSums
from ingest.recipes.choosing import offer_top
from ingest.recipes.passes import FusedPass
from ingest.recipes.planning import Planned

_ERRORS = 4.0


def candidates_of(planned: Planned, work: FusedPass) -> list[Candidates]:
    """Candidates of every pair that no parent run has, from exact correlations on a pilot: rows spread over the corpus.

    Args:
        planned: of a refined run.
        work: with shifts and scales taken.
    """
    plan, method = planned.plan, planned.plan.method
    assert method is not None
    assert method.pilot_tokens is not None
    assert method.max_candidates is not None
    n_pilot = min(plan.n_rows, max(1, method.pilot_tokens // plan.context))
    rows = np.unique(np.linspace(0, plan.n_rows - 1, n_pilot).astype(np.int64))
    shapes, device = work.shapes, plan.device
    pairs = [pair for pair in plan.pairs if max(pair) >= plan.inherited]
    directions = [d for a, b in pairs for d in ((a, b), (b, a))]
    tops = {d: RunningTop(shapes[d[0]].n_units, method.max_candidates, device) for d in directions}
    fourth: dict[int, Tensor] = {}
    pilot = [UnitSums(u.place, width=u.width, operand=torch.float32) for u in work.units]
    for every in planned.pilot_passes:
        tiles = [tile for tile in every if (tile.a, tile.b) in pairs]
        cross = CrossMoments(tiles, shapes, device)
        is_first = not fourth
        for z in work.standardised(rows, cross.populations if not is_first else {p for d in directions for p in d}):
            cross.update({p: torch.cat(layers, 1).float() for p, layers in z.items()})
            for p, layers in z.items() if is_first else ():
                pilot[p].add(layers, 0)
                powers = torch.cat([(values.float() ** 4).sum(0) for values in layers]).double()
                fourth[p] = fourth[p] + powers if p in fourth else powers
        spreads = [units.finish() for units in pilot]
        offer_top(cross, tops, spreads)
    found = []
    for a, b in pairs:
        i, j = [], []
        for x, y in ((a, b), (b, a)):
            n = spreads[x].n
            kurt = fourth[x] / n / spreads[x].sd ** 4
            units, partners = in_play(tops[x, y], kurt, n, errors=_ERRORS)
            i.append(units if x == a else partners)
            j.append(partners if x == a else units)
        found.append(Candidates((a, b), shapes, torch.cat(i), torch.cat(j)))
    return found
