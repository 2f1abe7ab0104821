"""Which partners are worth exact sums: the most correlated ones so far."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ingest.measure.correlation import CrossMoments
from ingest.measure.extremes import RunningTop
from ingest.measure.followed import FOLLOWED, Followed
from ingest.measure.units import Standardised


def most_correlated(
    cross: CrossMoments, directions: Sequence[Followed], spreads: Sequence[Standardised]
) -> list[RunningTop]:
    """The most correlated partners by the sums at hand, for each ordered pair of populations."""
    tops = {(f.a, f.b): RunningTop(len(f.index), FOLLOWED, str(f.index.device)) for f in directions}
    offer_top(cross, tops, spreads)
    return [tops[f.a, f.b] for f in directions]


def offer_top(cross: CrossMoments, tops: dict[tuple[int, int], RunningTop], spreads: Sequence[Standardised]) -> None:
    """Offer the correlations of the tiles at hand to the tops of both directions, where they are wanted."""
    for tile, sums in cross.sums.items():
        if (tile.a, tile.b) not in tops:
            continue
        a, b = spreads[tile.a], spreads[tile.b]
        rows = cross.shapes[tile.a].layer(tile.layer)
        columns = cross.shapes[tile.b].layers(tile.first, tile.last)
        corr = torch.addr(sums / a.n, a.mean[rows].float(), b.mean[columns].float(), alpha=-1)
        corr.div_(a.sd[rows, None].float()).div_(b.sd[None, columns].float())
        corr.masked_fill_(a.is_dead[rows, None] | b.is_dead[None, columns], -torch.inf)
        tops[tile.a, tile.b].offer(corr, rows, columns.start)
        tops[tile.b, tile.a].offer(corr.T, columns, rows.start)
