"""From the state of a finished pass to rows: partners, extremes per layer, baselines."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
from torch import Tensor

from ingest.measure.baseline import RotatedLayer, rotation
from ingest.measure.correlation import CrossMoments, Standardised, correlation, covariance
from ingest.measure.selection import Extremes, extreme_partners, layer_extremes
from ingest.recipes.pairs import both_directions
from ingest.tables import BASELINES, LAYER_BESTS, PARTNERS, TOP_PARTNERS


class Selections:
    """Selections of all ordered pairs of models of a run."""

    def __init__(self, names: list[str], cross: CrossMoments, spreads: list[Standardised]) -> None:
        """Take the sums of a finished pass.

        Args:
            names: of the models.
            cross: sums of products of all pairs.
            spreads: means and spreads of each model's neurons.
        """
        self._names = pl.Enum(names)
        self._models = names
        self._cross = cross
        self._spreads = spreads
        self._ordered = both_directions(cross.pairs)

    def _covariance(self, a: int, b: int, rows: slice, columns: slice) -> Tensor:
        """Covariances of some neurons of a with some of b; both directions of a pair come from one matrix."""
        forward = (a, b) in self._cross.pairs
        sums = self._cross.pairs[a, b] if forward else self._cross.pairs[b, a].T
        return covariance(sums[rows, columns], self._spreads[a].part(rows), self._spreads[b].part(columns))

    def n_frames(self, draws: int) -> int:
        """How many frames `frames` yields."""
        layers = [n_layers for n_layers, _ in self._cross.shapes]
        return sum(3 * layers[a] + draws * layers[b] for a, b in self._ordered)

    def frames(self, draws: int, seed: int) -> Iterator[tuple[str, pl.DataFrame]]:
        """Rows without the run, by table name.

        Args:
            draws: rotations per layer.
            seed: of the rotations.
        """
        for a, b in self._ordered:
            yield from self._partner_rows(a, b)
        for b in range(len(self._models)):
            yield from self._baseline_rows(b, draws, seed)

    def _partner_rows(self, a: int, b: int) -> Iterator[tuple[str, pl.DataFrame]]:
        n_layers, d_mlp = self._cross.shapes[a]
        other_layers, other_width = self._cross.shapes[b]
        everything = slice(0, other_layers * other_width)
        dead = self._spreads[b].is_dead
        for layer in range(n_layers):
            rows = slice(layer * d_mlp, (layer + 1) * d_mlp)
            here = self._spreads[a].part(rows)
            corr = correlation(self._covariance(a, b, rows, everything), here, self._spreads[b])
            alive = (~here.is_dead).nonzero().squeeze(1)
            ends = extreme_partners(corr[alive], dead, TOP_PARTNERS)
            for side, end in zip(("top", "bottom"), ends, strict=True):
                yield PARTNERS.name, self._ranked(a, b, layer, alive, side, end, other_width)
            yield (
                LAYER_BESTS.name,
                self._layer_rows(a, b, layer, alive, *layer_extremes(corr[alive], dead, other_layers)),
            )

    def _base(self, a: int, b: int, layer: int, neurons: Tensor, repeats: int) -> dict[str, object]:
        neuron = neurons.cpu().numpy().astype(np.uint32).repeat(repeats)
        return {
            "model": pl.repeat(self._models[a], len(neuron), dtype=self._names, eager=True),
            "layer": np.full(len(neuron), layer, np.uint16),
            "neuron": neuron,
            "other_model": pl.repeat(self._models[b], len(neuron), dtype=self._names, eager=True),
        }

    def _ranked(
        self, a: int, b: int, layer: int, neurons: Tensor, side: str, end: Extremes, other_width: int
    ) -> pl.DataFrame:
        k = end.index.shape[1]
        index = end.index.flatten().cpu().numpy()
        return pl.DataFrame(
            self._base(a, b, layer, neurons, k)
            | {
                "side": pl.repeat(side, len(index), dtype=pl.Enum(["top", "bottom"]), eager=True),
                "rank": np.tile(np.arange(1, k + 1, dtype=np.uint16), len(neurons)),
                "other_layer": (index // other_width).astype(np.uint16),
                "other_neuron": (index % other_width).astype(np.uint32),
                "corr": end.corr.flatten().cpu().numpy().astype(np.float32),
            }
        )

    def _layer_rows(
        self, a: int, b: int, layer: int, neurons: Tensor, highest: Extremes, lowest: Extremes
    ) -> pl.DataFrame:
        n_layers = highest.index.shape[1]
        frame = pl.DataFrame(
            self._base(a, b, layer, neurons, n_layers)
            | {
                "other_layer": np.tile(np.arange(n_layers, dtype=np.uint16), len(neurons)),
                "max_neuron": highest.index.flatten().cpu().numpy().astype(np.uint32),
                "max_corr": highest.corr.flatten().cpu().numpy().astype(np.float32),
                "min_neuron": lowest.index.flatten().cpu().numpy().astype(np.uint32),
                "min_corr": lowest.corr.flatten().cpu().numpy().astype(np.float32),
            }
        )
        return frame.filter(pl.col("max_corr").is_finite())

    def _baseline_rows(self, b: int, draws: int, seed: int) -> Iterator[tuple[str, pl.DataFrame]]:
        """Baselines of all models against the rotated layers of model b; each rotation is drawn once."""
        n_layers, d_mlp = self._cross.shapes[b]
        partners = [a for a, other in self._ordered if other == b]
        for layer in range(n_layers) if partners else ():
            columns = slice(layer * d_mlp, (layer + 1) * d_mlp)
            spread = self._spreads[b].part(columns)
            covariances = {a: self._covariance(a, b, slice(None), columns) for a in partners}
            for draw in range(draws):
                matrix = rotation(d_mlp, seed=seed, draw=draw, layer=layer)
                rotated = RotatedLayer(matrix, self._cross.layers[b][layer], spread)
                for a in partners:
                    largest = rotated.largest_correlation(covariances[a], self._spreads[a])
                    yield BASELINES.name, self._baseline_frame(a, b, layer, draw, largest)

    def _baseline_frame(self, a: int, b: int, other_layer: int, draw: int, largest: Tensor) -> pl.DataFrame:
        width = self._cross.shapes[a][1]
        alive = (~self._spreads[a].is_dead).nonzero().squeeze(1)
        neurons = alive.cpu().numpy()
        return pl.DataFrame(
            self._base(a, b, 0, alive, 1)
            | {
                "layer": (neurons // width).astype(np.uint16),
                "neuron": (neurons % width).astype(np.uint32),
                "other_layer": np.full(len(neurons), other_layer, np.uint16),
                "draw": np.full(len(neurons), draw, np.uint16),
                "max_corr": largest[alive].cpu().numpy().astype(np.float32),
            }
        )
