"""The same measures by the shortest way: float64, the plain Hugging Face model, every activation held in memory.

Nothing of the ingest is used, so that a mistake there cannot hide here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
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
    def activations(self, ids: NDArray[np.integer]) -> tuple[Array, Array]:
        """Pre- and post-activations, (positions, neurons), layers side by side."""
        pre: list[list[torch.Tensor]] = [[] for _ in self.layers]
        post: list[list[torch.Tensor]] = [[] for _ in self.layers]
        handles = []
        for index, layer in enumerate(self.layers):
            handles.append(layer.mlp.c_fc.register_forward_hook(lambda _m, _i, out, k=index: pre[k].append(out)))
            handles.append(
                layer.mlp.c_proj.register_forward_hook(lambda _m, given, _o, k=index: post[k].append(given[0]))
            )
        for rows in np.array_split(ids.astype(np.int64), max(1, len(ids) // 16)):
            self.network(torch.from_numpy(rows))
        for handle in handles:
            handle.remove()
        return _side_by_side(pre), _side_by_side(post)

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


def cosines(directions: Array, tokens: Array) -> Array:
    """(tokens, directions), both given as rows."""
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (tokens, directions)]
    return np.asarray(unit[0] @ unit[1].T)


def _side_by_side(parts: list[list[torch.Tensor]]) -> Array:
    return np.concatenate([torch.cat(layer).flatten(0, 1).numpy() for layer in parts], axis=1)


def _numpy(weight: torch.Tensor) -> Array:
    return weight.detach().numpy()
