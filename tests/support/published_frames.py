"""Frames as others publish them, made up."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.tables import PUBLISHED_COLUMNS

N_LAYERS, D_MLP = 2, 50
SHAPE = {"n_layers": N_LAYERS, "d_mlp": D_MLP}


def frame(seed: int = 0, *, n_layers: int = N_LAYERS, d_mlp: int = D_MLP, excess: float | None = None) -> pl.DataFrame:
    """Every neuron of a model, a few of them universal.

    Args:
        seed: of the numbers.
        n_layers, d_mlp: shape of the model.
        excess: excess correlation of the first neuron; drawn like the others without it.
    """
    draw = np.random.default_rng(seed)
    n = n_layers * d_mlp
    rows = {column.name: draw.normal(size=n) for column in PUBLISHED_COLUMNS}
    rows["mean_baseline"] = draw.uniform(0.1, 0.2, n)
    rows["excess_corr"] = np.where(draw.random(n) < 0.1, draw.uniform(0.55, 0.7, n), draw.uniform(0, 0.4, n))
    if excess is not None:
        rows["excess_corr"][0] = excess
    rows["mean_corr"] = rows["excess_corr"] + rows["mean_baseline"]
    for name in ("max_corr", "min_corr", "max_baseline", "min_baseline"):
        rows[name] = draw.uniform(0, 0.9, n)
    for name in ("w_in_norm", "w_out_norm", "var", "vocab_var"):
        rows[name] = draw.uniform(0.2, 2, n)
    rows["l2_penalty"] = rows["w_in_norm"] ** 2 + rows["w_out_norm"] ** 2
    rows["in_out_sim"], rows["sparsity"] = draw.uniform(-1, 1, n), draw.uniform(0, 1, n)
    rows["vocab_kurt"], rows["kurt"] = 3 + draw.exponential(5, n), 1 + draw.exponential(4, n)
    places = {"layer": np.repeat(np.arange(n_layers), d_mlp), "neuron": np.tile(np.arange(d_mlp), n_layers)}
    return pl.DataFrame(places | rows)
