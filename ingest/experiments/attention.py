"""Attention taken apart: what goes into one layer's heads, and what comes out, by the network's own arithmetic."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from ingest.errors import InputError
from ingest.experiments.edits import delete
from ingest.experiments.forward import Forward

_NAME = "watched_heads"


@dataclass(frozen=True)
class HeadsSeen:
    """One layer's attention in one pass.

    Attributes:
        query: rotated where positions are rotary (rows, heads, context, d_head).
        key: (rows, heads that have keys of their own, context, d_head).
        value: likewise.
        weights: attention (rows, heads, queries, keys).
        z: what the heads give to the output projection (rows, context, heads, d_head).
    """

    query: Tensor
    key: Tensor
    value: Tensor
    weights: Tensor
    z: Tensor

    @property
    def shared(self) -> int:
        """How many heads share keys and values."""
        return self.query.shape[1] // self.key.shape[1]


class _HeadsReached(Exception):
    """Ends a forward pass behind the heads that were asked for."""


@contextmanager
def attention_by(network: Any, implementation: str) -> Iterator[None]:
    """Attention done in another of the ways that the network knows; by plain products ("eager") it has weights."""
    before = network.config._attn_implementation
    network.config._attn_implementation = implementation
    try:
        yield
    finally:
        network.config._attn_implementation = before


@contextmanager
def _intercepted(network: Any, attend: Callable[..., tuple[Tensor, Tensor]]) -> Iterator[None]:
    """Let every attention module of a network call a function in the place of its own arithmetic."""
    AttentionInterface.register(_NAME, attend)
    AttentionMaskInterface.register(_NAME, eager_mask)
    try:
        with attention_by(network, _NAME):
            yield
    finally:
        del AttentionInterface._global_mapping[_NAME], AttentionMaskInterface._global_mapping[_NAME]


class AttentionReader:
    """Reads the heads of a network, and runs them on the queries of another residual stream."""

    def __init__(self, forward: Forward) -> None:
        """Of a network.

        Raises:
            InputError: if its attention has no one output projection.
        """
        heads = forward.sites.heads
        if heads is None:
            raise InputError(f"model {forward.name}: its attention has no one output projection to take heads from")
        self._forward = forward
        self._outputs = [forward.network.get_submodule(path) for path in heads]

    @torch.no_grad()
    def at(self, ids: Tensor, layer: int, hidden: Tensor, kept: HeadsSeen | None = None) -> HeadsSeen:
        """One layer's heads if `hidden` enters the block.

        Args:
            ids: token rows (rows, context).
            layer: the block.
            hidden: the residual stream in front of it (rows, context, d_model).
            kept: keys and values are taken from there, so that `hidden` reaches the queries alone.

        Raises:
            InputError: if the network does its attention in a way that cannot be seen.
        """
        found: list[HeadsSeen] = []

        def attend(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, *args: Any, **named: Any) -> Any:
            if kept is not None:
                key, value = kept.key, kept.value
            z, weights = self._eager(module)(module, query, key, value, *args, **named)
            found.append(HeadsSeen(query, key, value, weights, z))
            raise _HeadsReached

        network, sites = self._forward.network, self._forward.sites
        block = network.get_submodule(sites.blocks[layer])
        handle = block.register_forward_pre_hook(lambda _module, args: (hidden, *args[1:]))
        try:
            with _intercepted(network, attend), delete(network, sites, range(layer)):
                network(input_ids=ids, use_cache=False)
        except _HeadsReached:
            return found[0]
        finally:
            handle.remove()
        raise self._unseen()

    def value_bias(self, ids: Tensor, layer: int, d_model: int) -> Tensor:
        """What a layer's values are of an input that its norm takes to nothing, (heads with values, d_head).

        The part of every value that does not depend on the token: folded into the output's bias, it is no part of what
        heads carry.
        """
        one = ids[:1, :1]
        weight = next(self._outputs[layer].parameters())
        return self.at(one, layer, weight.new_zeros(1, 1, d_model)).value[0, :, 0]

    def written(self, layer: int, head: int, z: Tensor) -> Tensor:
        """What a head writes into the residual stream of its z (..., d_head): (..., d_model), float64, without bias.

        Under layer norm less its mean over the stream, which no later layer sees.
        """
        module = self._outputs[layer]
        weight = dict(module.named_parameters())["weight"].double()
        matrix = weight.T if isinstance(module, nn.Linear) else weight
        out = z.double() @ matrix[head * z.shape[-1] : (head + 1) * z.shape[-1]]
        return out - out.mean(-1, keepdim=True) if self._forward.sites.norm == "layer" else out

    def _eager(self, module: nn.Module) -> Callable[..., tuple[Tensor, Tensor]]:
        """The plain products of the module's own architecture."""
        found = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
        if found is None:
            raise self._unseen()
        plain: Callable[..., tuple[Tensor, Tensor]] = found
        return plain

    def _unseen(self) -> InputError:
        return InputError(
            f"model {self._forward.name}: its attention cannot be taken apart into queries, keys and values"
        )
