"""The attention heads of a model in TransformerLens: their processed weights, and the key that BOS has in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge

from ingest.subject.orientation import agrees, oriented, tensor_of
from ingest.subject.sites import Reader, Sites

# Queries that a rotated key of BOS is averaged over: those 1 to 255 places later, if the model reads that far.
_PLACES = 256
_ATTENTION = ("hook_in", "q.hook_out", "k.hook_out", "v.hook_out", "o.hook_in", "o.hook_out", "hook_attn_scores")
_ANGLES = ("hook_cos", "hook_sin")


class UnreadableHeads(Exception):
    """An architecture's attention is not one of heads with a q, a k, a v and an o; the text says what is missing."""


@dataclass(frozen=True)
class HeadWeights:
    """Processed weights of one layer's heads; where heads share keys and values, each has its copy.

    Attributes:
        w_q: (heads, d_model, d_head).
        w_k: likewise.
        w_v: likewise.
        w_o: (heads, d_head, d_model).
    """

    w_q: Tensor
    w_k: Tensor
    w_v: Tensor
    w_o: Tensor


@dataclass(frozen=True)
class Heads:
    """The heads of a model.

    Attributes:
        layers: one per block.
        is_parallel: whether attention and MLP of a block read the same input, so that the MLP does not see the heads.
        bos_keys: per layer the key of BOS at position 0 as the queries behind it meet it (heads, d_head); None without.
        no_bos: why there are none.
    """

    layers: tuple[HeadWeights, ...]
    is_parallel: bool
    bos_keys: tuple[Tensor, ...] | None
    no_bos: str | None


@torch.no_grad()
def read_heads(
    bridge: TransformerBridge, network: nn.Module, sites: Sites, ids: Tensor, *, bos: int | None, context: int | None
) -> Heads:
    """Read the heads of a processed model and check them on a forward pass.

    Args:
        bridge: the model in TransformerLens, processed.
        network: the plain model, whose heads and MLPs the processed one must reproduce.
        sites: where they are.
        ids: token rows (rows, context) for the check.
        bos: id of BOS; None where the tokenizer has none.
        context: longest row that the model can read; None where nothing bounds it.

    Raises:
        UnreadableHeads: if the heads are not there, or do not do what they say.
    """
    if sites.heads is None:
        raise UnreadableHeads("its blocks have no one output projection")
    cache = _run(bridge, ids, (*_ATTENTION, *_ANGLES), mlp=("hook_pre",))
    with Reader(network, sites, ["head_z"]).hooked() as reader:
        plain = reader.read(ids)
    layers = []
    for layer, block in enumerate(bridge.blocks):
        z, pre = _flat(_at(cache, layer, "o.hook_in")), _flat(cache[f"blocks.{layer}.mlp.hook_pre"])
        expected = plain.at["head_z"][layer]
        # Value biases may have been folded into the output's, which moves z by a constant.
        moved = (expected - z).mean(0)
        if not (agrees(z + moved, expected) and agrees(pre, plain.pre[layer])):
            raise UnreadableHeads("after processing they compute something else in TransformerLens")
        layers.append(_weights(block.attn, cache, layer, bridge.cfg.d_head))
    keys, no_bos = None, None
    if bos is None:
        no_bos = "the tokenizer has no BOS token"
    elif all(_scores_are_products(cache, layer, bridge.cfg.d_head) for layer in range(len(layers))):
        keys = _bos_keys(bridge, layers, bos, context or _PLACES)
    else:
        no_bos = "attention scores are not products of queries and keys"
    return Heads(tuple(layers), bool(bridge.cfg.parallel_attn_mlp), keys, no_bos)


def _run(
    bridge: TransformerBridge, ids: Tensor, hooks: tuple[str, ...], mlp: tuple[str, ...] = ()
) -> Mapping[str, Tensor]:
    wanted = tuple(f".attn.{hook}" for hook in hooks) + tuple(f".mlp.{hook}" for hook in mlp)
    _, cache = bridge.run_with_cache(ids, names_filter=lambda hook: hook.endswith(wanted))
    return {name: cache[name] for name in cache.keys()}  # noqa: SIM118 - iterating it gives no names


def _at(cache: Mapping[str, Tensor], layer: int, hook: str) -> Tensor:
    try:
        return cache[f"blocks.{layer}.attn.{hook}"]
    except KeyError:
        raise UnreadableHeads(f"the attention of block {layer} has no {hook}") from None


def _flat(values: Tensor) -> Tensor:
    """(rows, positions, ...) as (rows * positions, entries)."""
    return values.flatten(0, 1).flatten(1)


def _by_head(cache: Mapping[str, Tensor], layer: int, hook: str, d_head: int) -> Tensor:
    """Queries, keys or values (rows, positions, heads, d_head)."""
    values = _at(cache, layer, hook)
    return values.reshape(*values.shape[:2], -1, d_head)


def _weights(attention: nn.Module, cache: Mapping[str, Tensor], layer: int, d_head: int) -> HeadWeights:
    found = {}
    for name in "qkvo":
        part, inputs = (
            getattr(attention, name, None),
            _flat(_at(cache, layer, "o.hook_in" if name == "o" else "hook_in")),
        )
        weight, outputs = tensor_of(part, "weight"), _flat(_at(cache, layer, f"{name}.hook_out"))
        flat = None if weight is None else oriented(weight, tensor_of(part, "bias"), inputs, outputs)
        if flat is None:
            raise UnreadableHeads(f"{name} of block {layer} is no linear map")
        found[name] = flat
    w_q, w_k, w_v = (found[name].unflatten(1, (-1, d_head)).transpose(0, 1) for name in "qkv")
    shared = len(w_q) // len(w_k)
    return HeadWeights(
        w_q=w_q,
        w_k=w_k.repeat_interleave(shared, dim=0),
        w_v=w_v.repeat_interleave(shared, dim=0),
        w_o=found["o"].unflatten(0, (-1, d_head)),
    )


def _angles(cache: Mapping[str, Tensor], layer: int) -> tuple[Tensor, Tensor] | None:
    """Cosines and sines of the rotation at each place (positions, rotated); None without rotary positions."""
    cos, sin = (cache.get(f"blocks.{layer}.attn.{hook}") for hook in _ANGLES)
    return None if cos is None or sin is None else (cos[0], sin[0])


def _turned(vectors: Tensor) -> Tensor:
    """A quarter turn in every plane, the planes made of the two halves of the rotated entries."""
    first, second = vectors.chunk(2, dim=-1)
    return torch.cat((-second, first), dim=-1)


def _rotated(vectors: Tensor, angles: tuple[Tensor, Tensor] | None) -> Tensor:
    """Vectors (..., positions, heads, d_head) as rotary positions turn them."""
    if angles is None:
        return vectors
    cos, sin = (angle[:, None, :] for angle in angles)
    width = cos.shape[-1]
    turning, rest = vectors[..., :width], vectors[..., width:]
    return torch.cat((turning * cos + _turned(turning) * sin, rest), dim=-1)


def _scores_are_products(cache: Mapping[str, Tensor], layer: int, d_head: int) -> bool:
    """Whether a layer's attention scores are q k times a constant, at every pair of places that attention sees."""
    angles = _angles(cache, layer)
    q, k = (_rotated(_by_head(cache, layer, f"{name}.hook_out", d_head), angles) for name in "qk")
    products = torch.einsum("rihd,rjhd->rhij", q, k.repeat_interleave(q.shape[2] // k.shape[2], dim=2))
    scores = _at(cache, layer, "hook_attn_scores")
    if scores.shape != products.shape:
        return False
    seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril().expand_as(scores)
    scores, products = scores[seen], products[seen]
    scale = (scores * products).sum() / products.square().sum()
    return bool(torch.isfinite(scale)) and float(scale) > 0.0 and agrees(products * scale, scores)


def _bos_keys(bridge: TransformerBridge, layers: list[HeadWeights], bos: int, context: int) -> tuple[Tensor, ...]:
    """Per layer the key of BOS at position 0, turned back by the mean rotation of the queries behind it."""
    # What comes after BOS does not change its key: it only tells the angles.
    ids = torch.full((1, min(_PLACES, context)), bos)
    cache = _run(bridge, ids, ("k.hook_out", *_ANGLES))
    keys = []
    for layer, weights in enumerate(layers):
        n_heads, _, d_head = weights.w_q.shape
        angles = _angles(cache, layer)
        key = _rotated(_by_head(cache, layer, "k.hook_out", d_head), angles)[0, 0]
        if angles is not None:
            cos, sin = (angle[1:].mean(0) for angle in angles)
            turning, rest = key[:, : len(cos)], key[:, len(cos) :]
            # (R q) k = q (R^T k), and the transposed quarter turn is the turn the other way.
            key = torch.cat((turning * cos - _turned(turning * sin), rest), dim=-1)
        keys.append(key.repeat_interleave(n_heads // len(key), dim=0))
    return tuple(keys)
