"""What neurons write to the vocabulary, next to the corpus and to their partners, as rows without the run."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from torch import Tensor

from ingest.measure.outputs import (
    EffectSimilarity,
    Writing,
    feature_effects,
    frequency_correlations,
    log_frequency,
)
from ingest.recipes.profile_rows import Frames, as_lists
from ingest.tables import EFFECT_LAYERS, EFFECT_MATCHES, OUTPUT_SUMS


def output_rows(model: str, writing: Writing, counts: NDArray[np.int64], holds: NDArray[np.bool_]) -> Frames:
    """A model's effects on tokens with a feature, and along the tokens' frequency.

    Args:
        model: name.
        writing: its neurons and tokens.
        counts: occurrences of each token in the corpus, (d_vocab,).
        holds: which tokens have which features, (d_vocab, features).
    """
    n_layers, width, _ = writing.neurons.shape
    sums = feature_effects(writing, torch.from_numpy(holds)).flatten(0, 1).float().numpy()
    correlations = frequency_correlations(writing, torch.from_numpy(counts)).flatten().numpy()
    columns = {
        "model": pl.repeat(model, n_layers * width, eager=True),
        "layer": np.repeat(np.arange(n_layers, dtype=np.uint16), width),
        "neuron": np.tile(np.arange(width, dtype=np.uint32), n_layers),
        "frequency_corr": pl.Series(correlations).fill_nan(None),
        "sums": as_lists(sums),
    }
    yield OUTPUT_SUMS.name, pl.DataFrame(columns)


def similarity_rows(bests: pl.DataFrame, writings: Mapping[str, Writing], counts: NDArray[np.int64]) -> Frames:
    """How alike matched neurons write, beside all pairs of neurons of the same two layers.

    Args:
        bests: rows of `raw.bests`; models without neurons in `writings` are left out.
        writings: by name of the model.
        counts: occurrences of each token in the corpus, (d_vocab,).
    """
    constant = torch.ones(len(counts), 1, dtype=torch.float64)
    frequency = log_frequency(torch.from_numpy(counts))[:, None]
    nuisances = {"effect_corr": constant, "free_effect_corr": torch.cat([constant, frequency], 1)}
    for (model, other), rows in bests.group_by(["model", "other_model"], maintain_order=True):
        pair = str(model), str(other)
        similar = {
            name: EffectSimilarity(writings[pair[0]], writings[pair[1]], without) for name, without in nuisances.items()
        }
        yield EFFECT_MATCHES.name, _matches(rows, similar)
        yield EFFECT_LAYERS.name, _layers(pair, similar)


def _matches(rows: pl.DataFrame, similar: Mapping[str, EffectSimilarity]) -> pl.DataFrame:
    mine, theirs = ((_index(rows[f"{of}layer"]), _index(rows[f"{of}neuron"])) for of in ("", "other_"))
    values = {name: pl.Series(each.of_pairs(mine, theirs).numpy()).fill_nan(None) for name, each in similar.items()}
    return rows.select("model", "layer", "neuron", "other_model").with_columns(**values)


def _index(column: pl.Series) -> Tensor:
    return torch.from_numpy(column.cast(pl.Int64).to_numpy(writable=True))


def _layers(pair: tuple[str, str], similar: Mapping[str, EffectSimilarity]) -> pl.DataFrame:
    columns: dict[str, object] = {}
    for name, each in similar.items():
        mean, sd = each.of_layers()
        columns |= {f"{name}_mean": mean.flatten().numpy(), f"{name}_sd": sd.flatten().numpy()}
        n_layers, n_others = mean.shape
    places = {
        "model": pl.repeat(pair[0], n_layers * n_others, eager=True),
        "layer": np.repeat(np.arange(n_layers, dtype=np.uint16), n_others),
        "other_model": pl.repeat(pair[1], n_layers * n_others, eager=True),
        "other_layer": np.tile(np.arange(n_others, dtype=np.uint16), n_layers),
    }
    return pl.DataFrame(places | columns)
