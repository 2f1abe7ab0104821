"""Judge sketched correlations by exact ones: a block of random units whose products are all computed."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import torch
from torch import Tensor

from ingest.measure.correlation import Shape
from ingest.measure.sketch import SketchedCovariances
from ingest.measure.units import Standardised
from ingest.names import GROUPS

_UNITS = 64


class ProbeBlock:
    """Exact sums for a few units of every population, the same ones in every pair, per group of documents."""

    def __init__(self, pairs: Sequence[tuple[int, int]], shapes: list[Shape], device: str) -> None:
        """Choose the units, by the shape of their population alone."""
        self.units = []
        self._columns: list[list[Tensor]] = []
        for shape in shapes:
            chosen = torch.randperm(shape.n_units, generator=torch.Generator().manual_seed(shape.n_units))
            units = chosen[:_UNITS].sort().values
            self.units.append(units.to(device))
            in_layers = [units[units // shape.width == k] % shape.width for k in range(shape.n_layers)]
            self._columns.append([columns.to(device) for columns in in_layers])
        self.sums = {
            (a, b): torch.zeros(GROUPS, len(self.units[a]), len(self.units[b]), device=device) for a, b in pairs
        }

    def update(self, z: dict[int, list[Tensor]], group: int, *, first_new: int = 0) -> None:
        """Add positions of one group: z of each layer, per population; pairs before `first_new` stay as they are."""
        new = [pair for pair in self.sums if max(pair) >= first_new]
        some = {p: self._some(p, z[p]) for p in {p for pair in new for p in pair}}
        for a, b in new:
            self.sums[a, b][group].addmm_(some[a].T, some[b])

    def _some(self, population: int, z: list[Tensor]) -> Tensor:
        columns = self._columns[population]
        return torch.cat([v.index_select(1, chosen).float() for v, chosen in zip(z, columns, strict=True)], 1)

    def tensors(self) -> dict[str, Tensor]:
        """All sums by name, for a state file."""
        return {f"{a}.{b}": sums for (a, b), sums in self.sums.items()}

    def rows(
        self, names: list[str], sites: list[str], spreads: list[Standardised], sketched: SketchedCovariances
    ) -> pl.DataFrame:
        """Rows of `raw.probes` without the run.

        Args:
            names: model of each population.
            sites: of each population.
            spreads: of each population.
            sketched: what is judged.
        """
        rows = []
        for (a, b), sums in self.sums.items():
            i, j = self.units[a], self.units[b]
            x, y = spreads[a], spreads[b]
            scale = (x.sd[i, None] * y.sd[None, j]).cpu()
            exact = (sums.double().sum(0) / x.n - torch.outer(x.mean[i], y.mean[j])).cpu() / scale
            found = sketched.block((a, b), i, j).cpu() / x.n / scale
            error = (found - exact)[~(x.is_dead[i, None] | y.is_dead[None, j]).cpu()]
            if len(error):
                rows.append(
                    {
                        "site": sites[a],
                        "model": names[a],
                        "other_model": names[b],
                        "n": len(error),
                        "bias": float(error.mean()),
                        "sd": float(error.square().mean().sqrt()),
                        "max_error": float(error.abs().max()),
                    }
                )
        return pl.DataFrame(rows)
