"""Power sums of activations as rows of their raw table."""

from __future__ import annotations

import numpy as np
import polars as pl

from ingest.errors import RunFailed
from ingest.measure.moments import Moments, PowerSums
from ingest.recipes.subjects import Subject
from ingest.tables import STRATA


def moment_rows(subject: Subject, moments: Moments) -> pl.DataFrame:
    """Rows of `raw.moments` of one model and part, without run and part.

    Raises:
        RunFailed: if a sum is not finite.
    """
    n_layers, d_mlp = subject.sites.n_layers, subject.sites.d_mlp
    frames = []
    for index, stratum in enumerate(STRATA):
        if not moments.n[index]:
            continue
        columns = {
            "model": pl.repeat(subject.model.name, n_layers * d_mlp, eager=True),
            "layer": np.repeat(np.arange(n_layers, dtype=np.uint16), d_mlp),
            "neuron": np.tile(np.arange(d_mlp, dtype=np.uint32), n_layers),
            "stratum": pl.repeat(stratum, n_layers * d_mlp, eager=True),
            "n": pl.repeat(int(moments.n[index]), n_layers * d_mlp, eager=True),
            "n_positive": moments.n_positive[index].cpu().numpy(),
        }
        for prefix, sums in (("pre", moments.pre), ("post", moments.post)):
            columns |= _power_columns(prefix, sums, index)
        frames.append(pl.DataFrame(columns))
    rows = pl.concat(frames)
    broken = rows.filter(~pl.all_horizontal(pl.col(pl.Float64).is_finite()))
    if len(broken):
        layer, neuron = broken["layer"][0], broken["neuron"][0]
        raise RunFailed(f"model {subject.model.name}: neuron L{layer}.N{neuron} has an activation that is not finite")
    return rows


def _power_columns(prefix: str, sums: PowerSums, index: int) -> dict[str, np.ndarray]:
    columns = {f"{prefix}_shift": sums.shift}
    columns |= {f"{prefix}_sum_{k + 1}": sums.sums[k, index] for k in range(4)}
    columns |= {f"{prefix}_min": sums.minimum[index], f"{prefix}_max": sums.maximum[index]}
    return {name: values.cpu().numpy() for name, values in columns.items()}
