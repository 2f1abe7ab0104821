"""Selections from the correlations of a pair of populations, both ways round, one tile after another."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ingest.measure.baseline import Covariances, Rotations
from ingest.measure.correlation import Shape
from ingest.measure.extremes import RunningBest, RunningTop
from ingest.measure.units import Standardised


class Directed:
    """What is selected for the units of one population among the units of another.

    Attributes:
        top: the most correlated partners.
        bottom: the least correlated ones, with the sign turned.
        best: largest correlation.
        worst: smallest correlation, with the sign turned.
        baselines: largest correlation with rotated layers, per draw.
    """

    def __init__(self, n_units: int, *, k: int, n_estimates: int, draws: int, device: str) -> None:
        """Start with none; k partners are kept at either end."""
        self.top = RunningTop(n_units, k, device)
        self.bottom = RunningTop(n_units, k, device)
        self.best = RunningBest(n_units, n_estimates, device)
        self.worst = RunningBest(n_units, n_estimates, device)
        self.baselines = [RunningBest(n_units, n_estimates, device) for _ in range(draws)]
        self._leader = torch.full((n_units,), -1, dtype=torch.int64, device=device)
        self._leading = torch.full((n_units,), -torch.inf, device=device)

    @property
    def winner(self) -> Tensor:
        """The best partner of every unit, (units,)."""
        return torch.where(self._leader >= 0, self._leader, self.top.index[:, 0])

    @property
    def largest(self) -> Tensor:
        """The correlation with it, (units,), -inf where no partner was offered."""
        return torch.where(self._leader >= 0, self._leading, self.best.value)

    def lead(self, units: Tensor, winner: Tensor, corr: Tensor) -> None:
        """Take winners of some units and their correlations from elsewhere, all of one length."""
        self._leader[units], self._leading[units] = winner, corr

    def offer(self, estimates: list[Tensor], rows: slice, first_column: int, dead: Tensor) -> None:
        """Offer correlations (rows, columns); `dead` are columns that are no partners."""
        mean = estimates[0] if len(estimates) == 1 else (estimates[0] + estimates[1]) / 2
        for sign, ranked, extreme in ((1.0, self.top, self.best), (-1.0, self.bottom, self.worst)):
            if ranked.values.shape[1]:
                ranked.offer((sign * mean).masked_fill(dead[None, :], -torch.inf), rows, first_column)
            extreme.offer([(sign * e).masked_fill(dead[None, :], -torch.inf) for e in estimates], rows)

    def _parts(self) -> dict[str, RunningTop | RunningBest]:
        named: dict[str, RunningTop | RunningBest] = {
            "top": self.top,
            "bottom": self.bottom,
            "best": self.best,
            "worst": self.worst,
        }
        return named | {f"baseline.{draw}": best for draw, best in enumerate(self.baselines)}

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        named = {f"{name}.{key}": t for name, part in self._parts().items() for key, t in part.tensors().items()}
        return named | {"leader": self._leader, "leading": self._leading}


class PairSelection:
    """Selections of one pair, both ways round."""

    def __init__(
        self, pair: tuple[int, int], shapes: list[Shape], *, k: int, n_estimates: int, draws: int, device: str
    ) -> None:
        """Start with none."""
        self.pair = pair
        self._shapes = shapes
        self.forward, self.backward = (
            Directed(shapes[p].n_units, k=k, n_estimates=n_estimates, draws=draws, device=device) for p in pair
        )

    def take(
        self,
        covariances: Covariances,
        spreads: list[Standardised],
        rotations: Rotations | None,
        advance: Callable[[], object] = lambda: None,
    ) -> None:
        """Offer every tile at hand, and its rotations.

        Args:
            covariances: where they come from.
            spreads: of every population, over the same positions.
            rotations: of every population; None without baselines.
            advance: called after each tile.
        """
        a, b = self.pair
        for tile in covariances.tiles(self.pair):
            rows, columns = self._shapes[a].layer(tile.layer), self._shapes[b].layers(tile.first, tile.last)
            per_a = _per_spread(spreads[a], rows)
            per_b = _per_spread(spreads[b], columns)
            found = covariances.estimates(tile)
            corr = [c * per_a[:, None] * per_b[None, :] for c in found]
            self.forward.offer(corr, rows, columns.start, spreads[b].is_dead[columns])
            self.backward.offer([c.T for c in corr], columns, rows.start, spreads[a].is_dead[rows])
            for draw in range(rotations.draws if rotations is not None else 0):
                assert rotations is not None
                turned = [rotations.rotated(c.T, a, tile.layer, draw) * per_b[:, None] for c in found]
                self.backward.baselines[draw].offer(turned, columns)
                for other in range(tile.first, tile.last):
                    here = self._shapes[b].layers(other - tile.first, other - tile.first + 1)
                    turned = [rotations.rotated(c[:, here], b, other, draw) * per_a[:, None] for c in found]
                    self.forward.baselines[draw].offer(turned, rows)
            advance()

    def directions(self) -> list[tuple[int, int, Directed]]:
        """(model, partner, selections) both ways round."""
        a, b = self.pair
        return [(a, b, self.forward), (b, a, self.backward)]

    def tensors(self) -> dict[str, Tensor]:
        """Everything by name, for a state file."""
        sides = (("forward", self.forward), ("backward", self.backward))
        return {f"{side}.{name}": t for side, directed in sides for name, t in directed.tensors().items()}


def _per_spread(spread: Standardised, units: slice) -> Tensor:
    """1 / sd, and 0 for dead units, whose correlations are 0."""
    return torch.where(spread.is_dead[units], 0.0, 1.0 / spread.sd[units]).float()
