"""Profiles as rows of raw tables, without the run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from ingest.corpus.store import TokenRows
from ingest.measure.classes import HALVES
from ingest.measure.examples import Examples, around_quantiles
from ingest.measure.profile import Lagged, Profile
from ingest.recipes.profiling import JOINT, PLACE, SUBSET, SYNTAX, TOKEN, Profiling
from ingest.tables import (
    EXAMPLES,
    EXPLAINED,
    FEATURE_COUNTS,
    FEATURE_SUMS,
    FEATURES,
    HISTOGRAMS,
    MEAN_TOKENS,
    SEQUENCES,
    TOKEN_FEATURES,
)

_TOP_TOKENS = 50
# A mean of fewer activations says little.
_LEAST_FOR_MEAN = 5
_QUANTILES, _PER_QUANTILE = [0.1, 0.5, 0.9], 3
_LARGEST_INT, _BEYOND = 32_767, -32_768
_VARIABLES = {(TOKEN, 0): "token", (TOKEN, 1): "previous_token", (PLACE, 0): "position", (SUBSET, 0): "subset",
              (SYNTAX, 0): "syntax", (JOINT, 0): "token_and_syntax"}  # fmt: skip

Frames = Iterator[tuple[str, pl.DataFrame]]


def corpus_rows(profiling: Profiling, profile: Profile) -> Frames:
    """Features, and how often they occur, which is the same for all models."""
    for source, kind in profiling.kinds.items():
        features = kind.table.features
        if features:
            columns = {
                "source": [source] * len(features),
                "place": np.arange(1, len(features) + 1, dtype=np.uint16),
                "feature": [f.name for f in features],
                "feature_kind": [f.kind for f in features],
                "definition": [f.definition for f in features],
            }
            yield FEATURES.name, pl.DataFrame(columns)
    ids, columns_of = np.nonzero(profiling.by_id.holds)
    names = np.array([f.name for f in profiling.by_id.features], dtype=object)
    yield TOKEN_FEATURES.name, pl.DataFrame({"feature": names[columns_of].tolist(), "token_id": ids.astype(np.uint32)})
    for source, lag in profiling.lagged():
        sums = profile.sums[source, lag]
        for half in range(HALVES):
            n_true = sums.n_true[half].cpu().numpy()
            frame = {"place": np.arange(1, len(n_true) + 1, dtype=np.uint16), "n_true": n_true}
            also = {"source": source, "lag": lag, "half": half, "n": int(sums.counts[half].sum())}
            yield FEATURE_COUNTS.name, pl.DataFrame(frame).with_columns(**_literals(also))


def sequence_rows(rows: TokenRows, numbers: NDArray[np.int64], known: NDArray[np.integer] | None) -> Frames:
    """The rows of the corpus that examples are from; none without examples.

    Args:
        rows: the corpus.
        numbers: of those rows, ascending.
        known: those that are written already; None if nothing is.
    """
    if known is None and not len(numbers):
        return
    numbers = numbers if known is None else np.setdiff1d(numbers, known)
    middle = np.asarray(rows.documents[numbers, rows.documents.shape[1] // 2])
    documents = rows.document_table()
    columns = {
        "sequence": numbers.astype(np.uint32),
        # A row in whose middle no document is has none (a separator alone).
        "path": documents["path"].gather(np.maximum(middle, 0)),
        "subset": documents["subset"].gather(np.maximum(middle, 0)),
        "token_ids": as_lists(np.asarray(rows.ids[numbers]).astype(np.uint32)),
    }
    yield SEQUENCES.name, pl.DataFrame(columns)


def neuron_rows(model: str, profile: Profile, profiling: Profiling) -> Frames:
    """Everything that has a row per neuron of one model."""
    n_layers, width = profile.total.shape
    neurons = {
        "model": pl.repeat(model, n_layers * width, eager=True),
        "layer": np.repeat(np.arange(n_layers, dtype=np.uint16), width),
        "neuron": np.tile(np.arange(width, dtype=np.uint32), n_layers),
    }
    for (source, lag), sums in profile.sums.items():
        for half in range(HALVES if sums.features.shape[2] else 0):
            values = sums.features[half].transpose(1, 2).flatten(0, 1).cpu().numpy().astype(np.float32)
            also = {"source": source, "lag": lag, "half": half}
            yield FEATURE_SUMS.name, pl.DataFrame(neurons | {"sums": as_lists(values)}).with_columns(**_literals(also))
    for lagged, variable in _VARIABLES.items():
        if lagged in profile.sums:
            yield EXPLAINED.name, _explained(neurons, profile, profiling, lagged, variable)
    yield HISTOGRAMS.name, _histograms(neurons, profile)
    every = list(range(profile.top[0].n))
    n = profile.random[0].n
    index = around_quantiles(n, _QUANTILES, _PER_QUANTILE)
    below = [1 - k / max(1, n - 1) for k in index]
    for layer, (top, random) in enumerate(zip(profile.top, profile.random, strict=True)):
        yield EXAMPLES.name, _examples(model, layer, "top", top, every, None)
        yield EXAMPLES.name, _examples(model, layer, "quantile", random, index, below)
    yield MEAN_TOKENS.name, _mean_tokens(neurons, profile, profiling)


def _literals(values: dict[str, object]) -> dict[str, pl.Expr]:
    return {name: pl.lit(value) for name, value in values.items()}


def as_lists(values: np.ndarray) -> pl.Series:
    """The rows of a matrix as lists."""
    inner = pl.Series(values[:0].ravel()).dtype
    if not values.shape[1]:
        return pl.Series([[]] * len(values), dtype=pl.List(inner))
    return pl.Series(values, dtype=pl.Array(inner, values.shape[1])).arr.to_list()


def _explained(
    neurons: dict[str, object], profile: Profile, profiling: Profiling, lagged: Lagged, variable: str
) -> pl.DataFrame:
    kind, sums = profiling.kinds[lagged[0]], profile.sums[lagged]
    if kind.owner is not None:
        between, n_values = profile.between_parts(lagged)
        is_complete = kind.left == 0
    else:
        # Beyond a row's ends there is one more value; one alone is told apart as what is not kept.
        left = kind.left + (lagged[1] != 0)
        between, is_complete = profile.between(lagged), left <= 1
        n_values = int((sums.counts.sum(0)[: sums.kept.shape[1]] > 0).sum()) + (left == 1)
    information = profile.place_information().flatten().cpu().numpy() if variable == "position" else None
    return pl.DataFrame(
        neurons
        | {
            "ss_between": between.flatten().cpu().numpy(),
            "mutual_information": information
            if information is not None
            else pl.Series([None] * profile.total.numel(), dtype=pl.Float64),
        }
    ).with_columns(**_literals({"variable": variable, "n_values": n_values, "is_complete": is_complete}))


def _histograms(neurons: dict[str, object], profile: Profile) -> pl.DataFrame:
    parts = profile.histograms
    return pl.DataFrame(
        neurons
        | {
            "lowest": torch.cat([h.lowest for h in parts]).cpu().numpy(),
            "step": torch.cat([h.step for h in parts]).cpu().numpy(),
            "counts": as_lists(torch.cat([h.counts for h in parts]).cpu().numpy().astype(np.uint32)),
        }
    )


def _examples(
    model: str, layer: int, choice: str, examples: Examples, index: list[int], quantiles: list[float] | None
) -> pl.DataFrame:
    """Of one layer: the windows of a whole model are gigabytes while they are rounded."""
    values, rows, places, windows = (found.cpu() for found in examples.chosen(index))
    unit = (windows.abs().nan_to_num(0.0).amax((1, 2)) / _LARGEST_INT).clamp_min(1e-30)
    scaled = (windows / unit[:, None, None]).round().nan_to_num(_BEYOND).to(torch.int16)
    frame = pl.DataFrame(
        {
            "neuron": np.arange(len(values), dtype=np.uint32),
            "sequences": as_lists(rows.numpy().astype(np.uint32)),
            "positions": as_lists(places.numpy().astype(np.uint16)),
            "activations": as_lists(values.numpy().astype(np.float32)),
            "unit": unit.numpy().astype(np.float32),
            "windows": pl.Series(scaled.numpy(), dtype=pl.Array(pl.Int16, tuple(scaled.shape[1:]))).arr.to_list(),
        }
    )
    also = {"model": model, "layer": np.uint16(layer), "choice": choice}
    return frame.with_columns(**_literals(also), quantiles=pl.lit(quantiles, dtype=pl.List(pl.Float32)))


def _mean_tokens(neurons: dict[str, object], profile: Profile, profiling: Profiling) -> pl.DataFrame:
    """Tokens with the largest mean post-activation, among those with sums of their own that occur five times."""
    sums = profile.sums[TOKEN, 0]
    n_kept = sums.kept.shape[1]
    n = sums.counts.sum(0)[:n_kept]
    k = min(_TOP_TOKENS, int((n >= _LEAST_FOR_MEAN).sum()))
    is_rare = (n < _LEAST_FOR_MEAN)[:, None]
    by_layer = [
        (layer / n.clamp_min(1)[:, None]).masked_fill_(is_rare, -torch.inf).topk(k, dim=0) for layer in sums.kept
    ]
    top, classes = (torch.stack(parts) for parts in zip(*by_layer, strict=True))
    ids = torch.from_numpy(profiling.kept_ids(n_kept)).to(classes.device)[classes]
    values = top + profile.shift[:, None, :]
    flat = {"token_ids": ids, "means": values, "n": n[classes]}
    types = {"token_ids": np.uint32, "means": np.float32, "n": np.uint32}
    return pl.DataFrame(
        neurons
        | {
            name: as_lists(t.transpose(1, 2).flatten(0, 1).cpu().numpy().astype(types[name]))
            for name, t in flat.items()
        }
    )
