"""Neurons against attention heads: what they add to the attention paid to BOS, and how their weights compose.

A score is a product of a unit vector with a head's reader: one vector per head (attention to BOS, signed) or a matrix
whose product's norm is the composition (Elhage et al. 2021, for a neuron in place of the first head).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ingest.measure.outputs import unit

_VECTORS_AT_ONCE = 1024


@dataclass(frozen=True)
class TopHeads:
    """The heads that each vector meets most, the largest absolute score first.

    Attributes:
        heads: numbers of the heads, (n, k).
        scores: (n, k).
    """

    heads: Tensor
    scores: Tensor


def bos_readers(w_q: Tensor, keys: Tensor) -> Tensor:
    """W_Q k / sqrt(d_head) of each head (Gurnee et al. 2024, section 5.3), float32 (heads, d_model, 1).

    Args:
        w_q: query weights (heads, d_model, d_head).
        keys: the key of BOS (heads, d_head).
    """
    readers = torch.einsum("hdk,hk->hd", w_q.double(), keys.double()) / w_q.shape[2] ** 0.5
    found: Tensor = readers.float()[:, :, None]
    return found


def composition_readers(left: Tensor, right: Tensor) -> Tensor:
    """Matrices whose products with a unit vector have the norm |w M| / |M|, M = left right, Frobenius norm.

    Args:
        left: (heads, d_model, d_head).
        right: (heads, d_head, d_model).

    Returns:
        float32 (heads, d_model, d_head); zeros where M is zero.
    """
    # |w A B|^2 = w A (B B^T) A^T w^T: a root of the small matrix replaces B, so that no d_model^2 matrix is needed.
    squares, vectors = torch.linalg.eigh(right.double() @ right.double().mT)
    roots = vectors * squares.clamp(min=0.0).sqrt()[:, None, :]
    readers = left.double() @ roots
    norms = readers.flatten(1).norm(dim=1)
    scaled: Tensor = readers / torch.where(norms > 0.0, norms, 1.0)[:, None, None]
    return scaled.float()


def head_scores(vectors: Tensor, readers: Tensor) -> Tensor:
    """Scores of vectors (n, d_model), scaled to norm 1, with readers (heads, d_model, width): float32 (n, heads)."""
    n_heads, d_model, width = readers.shape
    flat = readers.permute(1, 0, 2).reshape(d_model, n_heads * width)
    found = []
    for some in unit(vectors).split(_VECTORS_AT_ONCE):
        products = (some @ flat).view(len(some), n_heads, width)
        found.append(products[:, :, 0] if width == 1 else products.norm(dim=2))
    return torch.cat(found)


def top_heads(vectors: Tensor, readers: Tensor, k: int) -> TopHeads:
    """The k heads with the largest absolute scores; all if there are fewer."""
    scores = head_scores(vectors, readers)
    heads = scores.abs().topk(min(k, scores.shape[1]), dim=1).indices
    return TopHeads(heads, scores.gather(1, heads))
