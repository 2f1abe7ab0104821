"""The attention heads that neurons meet most, as rows of raw tables, without the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from ingest.measure.heads import bos_readers, composition_readers, head_scores, top_heads
from ingest.subject.bridge import ProcessedWeights
from ingest.subject.heads import Heads, HeadWeights
from ingest.tables import HEAD_NULLS, HEAD_SCORES

_TOP = 5


@dataclass(frozen=True)
class _Kind:
    """One way in which neurons meet heads.

    Attributes:
        name: bos, q, k, v or ov.
        readers: of all heads, layer by layer (heads, d_model, width).
        first: number of each layer's first head, and their total.
        is_earlier: whether neurons read what the heads write, instead of the other way round.
        is_parallel: whether the heads of a neuron's own block are none that it can read.
    """

    name: str
    readers: Tensor
    first: Tensor
    is_earlier: bool
    is_parallel: bool

    def offered(self, layer: int) -> slice:
        """The heads that a neuron of a layer is compared with."""
        if self.is_earlier:
            return slice(0, int(self.first[layer if self.is_parallel else layer + 1]))
        return slice(int(self.first[layer + 1]), int(self.first[-1]))

    def place(self, heads: Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Layer and number within it of some heads."""
        layer = torch.searchsorted(self.first, heads, right=True) - 1
        return layer.numpy().astype(np.uint16), (heads - self.first[layer]).numpy().astype(np.uint16)


def head_rows(
    model: str, processed: ProcessedWeights, directions: Tensor, quantiles: Sequence[float]
) -> dict[str, pl.DataFrame]:
    """Rows by raw table; empty where the heads could not be read.

    Args:
        model: name of the model.
        processed: its weights.
        directions: random unit directions (n, d_model), what scores are held against.
        quantiles: of the directions' scores.
    """
    if processed.heads is None:
        return {}
    scores, nulls = [], []
    for name in ("bos", "q", "k", "v", "ov"):
        kind = _kind(name, processed.heads)
        if kind is None:
            continue
        of_random = head_scores(directions, kind.readers).abs()
        for layer, weights in enumerate(processed.layers):
            offered = kind.offered(layer)
            if offered.start == offered.stop:
                continue
            vectors = (weights.w_in.T if kind.is_earlier else weights.w_out).detach()
            scores.append(_score_rows(model, layer, kind, vectors))
            largest = of_random[:, offered].amax(1).double()
            nulls += [
                {"model": model, "layer": layer, "kind": name, "quantile": q, "value": float(largest.quantile(q))}
                for q in quantiles
            ]
    return {HEAD_SCORES.name: pl.concat(scores), HEAD_NULLS.name: pl.DataFrame(nulls)} if scores else {}


def _kind(name: str, heads: Heads) -> _Kind | None:
    """One kind's readers; None for attention to BOS where there is no BOS."""
    if name == "bos":
        if heads.bos_keys is None:
            return None
        readers = [bos_readers(weights.w_q, keys) for weights, keys in zip(heads.layers, heads.bos_keys, strict=True)]
    else:
        readers = [_composition(name, weights) for weights in heads.layers]
    first = torch.tensor([0, *(len(of_layer) for of_layer in readers)]).cumsum(0)
    return _Kind(name, torch.cat(readers), first, is_earlier=name == "ov", is_parallel=heads.is_parallel)


def _composition(name: str, weights: HeadWeights) -> Tensor:
    left, right = {
        "q": (weights.w_q, weights.w_k.mT),
        "k": (weights.w_k, weights.w_q.mT),
        "v": (weights.w_v, weights.w_o),
        "ov": (weights.w_o.mT, weights.w_v.mT),
    }[name]
    return composition_readers(left, right)


def _score_rows(model: str, layer: int, kind: _Kind, vectors: Tensor) -> pl.DataFrame:
    alive = vectors.norm(dim=1).nonzero().flatten()
    offered = kind.offered(layer)
    top = top_heads(vectors[alive], kind.readers[offered], _TOP)
    n, k = top.heads.shape
    head_layer, head = kind.place(top.heads.flatten() + offered.start)
    return pl.DataFrame(
        {
            "model": pl.repeat(model, n * k, eager=True),
            "layer": np.full(n * k, layer, np.uint16),
            "neuron": alive.numpy().astype(np.uint32).repeat(k),
            "kind": pl.repeat(kind.name, n * k, eager=True),
            "rank": np.tile(np.arange(1, k + 1, dtype=np.uint8), n),
            "head_layer": head_layer,
            "head": head,
            "score": top.scores.flatten().numpy(),
        }
    )
