"""The same measures by the shortest way: float64, the plain Hugging Face model, every activation held in memory.

Nothing of the ingest is used, so that a mistake there cannot hide here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from transformers import GPT2LMHeadModel

Array = NDArray[np.float64]


def kinds_of_positions(ids: NDArray[np.integer], tokenizer: Path) -> NDArray[np.str_]:
    """bos: the BOS token (id 0 of the demo tokenizer) and position 0; newline: one newline alone; text: the rest."""
    texts = Tokenizer.from_file(str(tokenizer))
    kinds = np.full(ids.shape, "text", dtype="<U8")
    for place, token in np.ndenumerate(ids):
        if place[1] == 0 or token == 0:
            kinds[place] = "bos"
        elif texts.decode([int(token)], skip_special_tokens=False) == "\n":
            kinds[place] = "newline"
    return kinds.reshape(-1)


class PlainGPT2:
    """A GPT-2 in float64."""

    def __init__(self, folder: Path) -> None:
        self.network = GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32).double().eval()
        self.layers = list(self.network.transformer.h)
        self.width: int = self.layers[0].mlp.c_fc.weight.shape[1]

    @torch.no_grad()
    def activations(self, ids: NDArray[np.integer], sites: Sequence[str] = ("pre", "mlp")) -> dict[str, Array]:
        """Activations at some of pre, mlp, resid and head_z, (positions, units), layers side by side."""
        seen: dict[str, list[list[torch.Tensor]]] = {site: [[] for _ in self.layers] for site in sites}
        handles = []
        for index, layer in enumerate(self.layers):
            places = {
                "pre": (layer.mlp.c_fc, lambda _given, out: out),
                "mlp": (layer.mlp.c_proj, lambda given, _out: given[0]),
                "resid": (layer, lambda _given, out: out if isinstance(out, torch.Tensor) else out[0]),
                "head_z": (layer.attn.c_proj, lambda given, _out: given[0]),
            }
            for site in sites:
                module, take = places[site]
                into = seen[site][index]
                hook = lambda _m, given, out, i=into, t=take: i.append(t(given, out).clone())  # noqa: E731
                handles.append(module.register_forward_hook(hook))
        for rows in np.array_split(ids.astype(np.int64), max(1, len(ids) // 16)):
            self.network(torch.from_numpy(rows))
        for handle in handles:
            handle.remove()
        return {site: _side_by_side(parts) for site, parts in seen.items()}

    @cached_property
    def folded(self) -> list[Folded]:
        """The MLPs' weights with the norm in front folded in, centred where they meet the residual stream."""
        folded = []
        for layer in self.layers:
            norm, into, out = layer.ln_2, _numpy(layer.mlp.c_fc.weight), _numpy(layer.mlp.c_proj.weight)
            w_in = _numpy(norm.weight)[:, None] * into
            folded.append(
                Folded(
                    w_in=w_in - w_in.mean(0),
                    b_in=_numpy(layer.mlp.c_fc.bias) + _numpy(norm.bias) @ into,
                    w_out=out - out.mean(1, keepdims=True),
                )
            )
        return folded

    @cached_property
    def unembedding(self) -> Array:
        """(d_model, d_vocab) with the last norm folded in, centred over the stream and over the vocabulary."""
        weight = _numpy(self.network.transformer.ln_f.weight)[:, None] * _numpy(self.network.lm_head.weight).T
        weight = weight - weight.mean(0)
        return np.asarray(weight - weight.mean(1, keepdims=True))

    @cached_property
    def embedding(self) -> Array:
        """(d_vocab, d_model), centred over the stream, which every reader of it subtracts."""
        weight = _numpy(self.network.transformer.wte.weight)
        return np.asarray(weight - weight.mean(1, keepdims=True))


@dataclass(frozen=True)
class ByHand:
    """Models on the tokens of an ingest.

    Attributes:
        models: by name.
        kinds: bos, newline or text, of each position.
        groups: group of documents of each position.
        pre: pre-activations of each model.
        post: post-activations.
        corr: correlations of their neurons over text, for ordered pairs.
    """

    models: dict[str, PlainGPT2]
    kinds: NDArray[np.str_]
    groups: NDArray[np.int64]
    pre: dict[str, Array]
    post: dict[str, Array]
    corr: dict[tuple[str, str], Array]

    def text(self, model: str) -> Array:
        """Post-activations on positions of stratum text."""
        return np.asarray(self.post[model][self.kinds == "text"])

    @property
    def text_groups(self) -> NDArray[np.int64]:
        """Group of documents of each position of stratum text."""
        return np.asarray(self.groups[self.kinds == "text"])


@dataclass(frozen=True)
class Folded:
    """One MLP: w_in (d_model, neurons), b_in (neurons,), w_out (neurons, d_model)."""

    w_in: Array
    b_in: Array
    w_out: Array


@dataclass(frozen=True)
class Shape:
    """The first four moments of each column."""

    mean: Array
    var: Array
    skew: Array
    kurt: Array


def shape_of(values: Array) -> Shape:
    """Moments over the rows, from the deviations themselves."""
    mean = values.mean(0)
    deviation = values - mean
    squares = deviation * deviation
    var = squares.mean(0)
    return Shape(mean, var, (squares * deviation).mean(0) / var**1.5, (squares * squares).mean(0) / var**2)


def standardised(values: Array) -> Array:
    """Columns of mean 0 and norm 1."""
    deviation = values - values.mean(0)
    return np.asarray(deviation / np.linalg.norm(deviation, axis=0))


def correlations(a: Array, b: Array) -> Array:
    """Pearson correlations (columns of a, columns of b)."""
    return np.asarray(standardised(a).T @ standardised(b))


def jackknife_variance(x: Array, y: Array, groups: NDArray[np.integer]) -> Array:
    """Variance of Fisher's z of the correlations of columns x[:, k] and y[:, k] by leaving out one group at a time.

    The delete-m_j jackknife, from the deviations of the positions that are left.
    """
    names, n = np.unique(groups), len(groups)
    whole = np.arctanh((standardised(x) * standardised(y)).sum(0))
    without = np.stack(
        [np.arctanh((standardised(x[groups != g]) * standardised(y[groups != g])).sum(0)) for g in names]
    )
    h = n / np.array([(groups == g).sum() for g in names])[:, None]
    pseudo = h * whole - (h - 1) * without
    return np.asarray(((pseudo - (pseudo / h).sum(0)) ** 2 / (h - 1)).mean(0))


def cosines(directions: Array, tokens: Array) -> Array:
    """(tokens, directions), both given as rows."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (tokens, directions)]
    return np.asarray(unit[0] @ unit[1].T)


def assert_close(found: NDArray[np.generic] | pl.Series, expected: Array, tolerance: float) -> None:
    """Equal up to a tolerance that is relative to values above 1."""
    found = np.asarray(found, dtype=np.float64).reshape(expected.shape)
    error = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    assert error.max() <= tolerance, f"{error.max():.2g} at {np.unravel_index(error.argmax(), error.shape)}"


def _side_by_side(parts: list[list[torch.Tensor]]) -> Array:
    return np.concatenate([torch.cat(layer).flatten(0, 1).numpy() for layer in parts], axis=1)


def _numpy(weight: torch.Tensor) -> Array:
    return weight.detach().numpy()
