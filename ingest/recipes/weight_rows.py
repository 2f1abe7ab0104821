"""What follows from a model's weights alone, as rows of raw tables, without the run."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ingest.measure.neighbours import extreme_neighbours, paired_cosines
from ingest.measure.null_space import Spectrum, logit_variances, null_parts, spectrum
from ingest.measure.vocabulary import cosine_effects, logit_effects, power_sums
from ingest.measure.weights import random_directions, weight_columns
from ingest.recipes.head_rows import head_rows
from ingest.subject.bridge import ProcessedWeights
from ingest.tables import (
    NEIGHBOURS,
    NULL_SHARES,
    NULL_SPACES,
    VOCABULARY_HISTOGRAMS,
    VOCABULARY_NULLS,
    VOCABULARY_SUMS,
    VOCABULARY_TOKENS,
    WEIGHTS,
)

_EXTREME_TOKENS, _EFFECT_BINS = 100, 64
_RANDOM_DIRECTIONS = 10_000
# The high ones are for what a role needs much of, the low ones for what it needs little of.
_NULL_QUANTILES = (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999)
# Parts of the unembedding's singular directions, by their column's name.
_NULL_PARTS = {"part_02": 0.02, "part_05": 0.05, "part_10": 0.1}


def rows_of_weights(model: str, processed: ProcessedWeights, d_vocab: int) -> dict[str, pl.DataFrame]:
    """Rows by raw table; a table that has none is left out.

    Args:
        model: name of the model.
        processed: its weights.
        d_vocab: ids that the tokenizer has; what the model has beyond them is padding.
    """
    tokens = processed.w_u.T[:d_vocab].detach()
    directions = random_directions(_RANDOM_DIRECTIONS, tokens.shape[1], is_centred=processed.is_centred)
    directions = torch.nn.functional.normalize(directions, dim=1)
    space = spectrum(tokens, is_centred=processed.is_centred)
    frames = {
        WEIGHTS.name: _weight_rows(model, processed),
        **_vocabulary_rows(model, processed, tokens),
        VOCABULARY_NULLS.name: _null_rows(model, directions, tokens, space),
        NULL_SPACES.name: _space_rows(model, space),
        NULL_SHARES.name: _share_rows(model, processed, space),
        NEIGHBOURS.name: _neighbour_rows(model, processed),
        **head_rows(model, processed, directions, _NULL_QUANTILES),
    }
    return {name: frame for name, frame in frames.items() if len(frame)}


def _neurons(model: str, layer: int, d_mlp: int) -> dict[str, object]:
    return {
        "model": pl.repeat(model, d_mlp, eager=True),
        "layer": np.full(d_mlp, layer, np.uint16),
        "neuron": np.arange(d_mlp, dtype=np.uint32),
    }


def _weight_rows(model: str, processed: ProcessedWeights) -> pl.DataFrame:
    frames = []
    for layer, weights in enumerate(processed.layers):
        columns = weight_columns(weights.w_in, weights.w_up, weights.w_out, weights.b_in)
        values = {
            name: pl.Series(name, [None] * len(weights.w_out) if c is None else c.detach().numpy(), dtype=pl.Float64)
            for name, c in columns.items()
        }
        frames.append(pl.DataFrame(_neurons(model, layer, len(weights.w_out)) | values))
    return pl.concat(frames).with_columns(pl.col(pl.Float64).fill_nan(None))


def _vocabulary_rows(model: str, processed: ProcessedWeights, tokens: Tensor) -> dict[str, pl.DataFrame]:
    """Moments and histograms over both ends of the vocabulary, and the tokens that are promoted and suppressed most."""
    sums, histograms, extremes = [], [], []
    embedding = processed.w_e[: len(tokens)].detach()
    for layer, weights in enumerate(processed.layers):
        effects = logit_effects(weights.w_out.detach(), tokens, _EXTREME_TOKENS, _EFFECT_BINS)
        of_input = cosine_effects(weights.w_in.detach().T, embedding, _EFFECT_BINS)
        neurons, d_mlp = _neurons(model, layer, len(weights.w_out)), len(weights.w_out)
        for effect, powers in (("out", effects.cosines.sums), ("in", of_input.sums)):
            columns = neurons | {"effect": pl.repeat(effect, d_mlp, eager=True)}
            columns |= {"n": np.full(d_mlp, len(tokens), np.uint64)}
            sums.append(pl.DataFrame(columns | {f"sum_{k + 1}": powers[k].numpy() for k in range(4)}))
        for effect, found in (
            ("logit", effects.histograms),
            ("out", effects.cosines.histograms),
            ("in", of_input.histograms),
        ):
            columns = neurons | {"effect": pl.repeat(effect, d_mlp, eager=True)}
            columns |= {"lowest": found.lowest.float().numpy(), "step": found.step.float().numpy()}
            columns["counts"] = pl.Series(found.counts.numpy().astype(np.uint32)).arr.to_list()
            histograms.append(pl.DataFrame(columns))
        for side, ids, values in (
            ("promoted", effects.raised, effects.rises),
            ("suppressed", effects.lowered, effects.falls),
        ):
            lists = {"token_ids": ids.numpy().astype(np.uint32), "effects": values.numpy()}
            columns = neurons | {"side": pl.repeat(side, d_mlp, eager=True)}
            extremes.append(pl.DataFrame(columns | {name: pl.Series(v).arr.to_list() for name, v in lists.items()}))
    return {
        VOCABULARY_SUMS.name: pl.concat(sums),
        VOCABULARY_HISTOGRAMS.name: pl.concat(histograms),
        VOCABULARY_TOKENS.name: pl.concat(extremes),
    }


def _null_rows(model: str, directions: Tensor, tokens: Tensor, space: Spectrum) -> pl.DataFrame:
    """What random directions do to the vocabulary: the 99.9% quantile calls few of a thousand special."""
    first, second, third, fourth = power_sums(directions, tokens) / len(tokens)
    var = second - first**2
    parts = null_parts(directions, space, list(_NULL_PARTS.values()))
    statistics = {
        "vocab_var": var,
        "vocab_kurt": (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / var**2,
        "logit_var": logit_variances(directions, space),
        **{name: parts[:, number] for number, name in enumerate(_NULL_PARTS)},
    }
    rows = [
        {"model": model, "statistic": name, "quantile": quantile, "value": float(values.quantile(quantile))}
        for name, values in statistics.items()
        for quantile in _NULL_QUANTILES
    ]
    return pl.DataFrame(rows)


def _space_rows(model: str, space: Spectrum) -> pl.DataFrame:
    rows = [
        {
            "model": model,
            "part": part,
            "n_directions": space.n_smallest(part),
            "n_all": len(space.values),
            "singular_value": float(space.values[space.n_smallest(part) - 1]),
            "median_singular_value": float(space.values.median()),
        }
        for part in _NULL_PARTS.values()
    ]
    return pl.DataFrame(rows)


def _share_rows(model: str, processed: ProcessedWeights, space: Spectrum) -> pl.DataFrame:
    frames = []
    for layer, weights in enumerate(processed.layers):
        w_out = weights.w_out.detach()
        parts = null_parts(w_out, space, list(_NULL_PARTS.values()))
        columns = {"logit_var": logit_variances(w_out, space).numpy()}
        columns |= {name: parts[:, number].numpy() for number, name in enumerate(_NULL_PARTS)}
        frames.append(pl.DataFrame(_neurons(model, layer, len(w_out)) | columns))
    return pl.concat(frames).with_columns(pl.col(pl.Float64).fill_nan(None))


def _neighbour_rows(model: str, processed: ProcessedWeights) -> pl.DataFrame:
    """The nearest and the farthest neuron by input weights and by output weights."""
    vectors = {
        "in": torch.cat([weights.w_in.detach().T for weights in processed.layers]),
        "out": torch.cat([weights.w_out.detach() for weights in processed.layers]),
    }
    d_mlp = len(processed.layers[0].w_out)
    frames = []
    for vector, other in (("in", "out"), ("out", "in")):
        alive = vectors[vector].norm(dim=1).nonzero().flatten()
        if len(alive) < 2:
            continue
        for side, found in zip(("top", "bottom"), extreme_neighbours(vectors[vector][alive]), strict=True):
            own, partner = alive.numpy(), alive[found.index].numpy()
            paired = paired_cosines(vectors[other][alive], found.index).clamp(-1.0, 1.0)
            columns = {
                "model": pl.repeat(model, len(own), eager=True),
                "layer": (own // d_mlp).astype(np.uint16),
                "neuron": (own % d_mlp).astype(np.uint32),
                "vector": pl.repeat(vector, len(own), eager=True),
                "side": pl.repeat(side, len(own), eager=True),
                "other_layer": (partner // d_mlp).astype(np.uint16),
                "other_neuron": (partner % d_mlp).astype(np.uint32),
                "cosine": found.cosine.clamp(-1.0, 1.0).numpy(),
                "other_cosine": paired.float().numpy(),
            }
            frames.append(pl.DataFrame(columns))
    return pl.concat(frames).with_columns(pl.col("other_cosine").fill_nan(None)) if frames else pl.DataFrame()
